/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: ioctl numbers, which carry direction and size.
 */
#ifndef _SYS_IOCCOM_H_
#define _SYS_IOCCOM_H_

#define IOC_VOID 0x20000000UL
#define IOC_OUT 0x40000000UL
#define IOC_IN 0x80000000UL
#define IOCPARM_LEN(cmd) (((cmd) >> 16) & 0x1fff)
#define _IOC(dir, group, num, len)                                          \
	((dir) | (((len)&0x1fffUL) << 16) | ((unsigned long)(group) << 8) | \
	    (num))
#define _IO(group, num) _IOC(IOC_VOID, (group), (num), 0UL)
#define _IOR(group, num, type) _IOC(IOC_OUT, (group), (num), sizeof(type))
#define _IOW(group, num, type) _IOC(IOC_IN, (group), (num), sizeof(type))

#endif /* !_SYS_IOCCOM_H_ */
