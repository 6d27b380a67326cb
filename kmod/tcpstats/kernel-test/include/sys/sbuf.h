/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: strings that grow.
 */
#ifndef _SYS_SBUF_H_
#define _SYS_SBUF_H_

#include <sys/types.h>

struct sbuf;

struct sbuf *sbuf_new_auto(void);
int sbuf_printf(struct sbuf *sbuf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
ssize_t sbuf_len(struct sbuf *sbuf);
int sbuf_finish(struct sbuf *sbuf);
char *sbuf_data(struct sbuf *sbuf);
void sbuf_delete(struct sbuf *sbuf);

#endif /* !_SYS_SBUF_H_ */
