/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: modules, of which there is one.
 */
#ifndef _SYS_MODULE_H_
#define _SYS_MODULE_H_

typedef struct module *module_t;
typedef int modeventhand_t(module_t mod, int type, void *data);

enum { MOD_LOAD, MOD_UNLOAD, MOD_SHUTDOWN, MOD_QUIESCE };

void ukern_register_module(modeventhand_t *handler);

#define DEV_MODULE(name, handler, arg)                                 \
	__attribute__((constructor)) static void name##_register(void) \
	{                                                              \
		ukern_register_module(handler);                        \
	}                                                              \
	struct hack
#define MODULE_VERSION(name, version) struct hack

#endif /* !_SYS_MODULE_H_ */
