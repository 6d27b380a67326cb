/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Where each field of each structure is that crosses a boundary: between the
 * device and its readers, and between the C core and the Rust crate that calls
 * it.  This is the one table of it.  In C the headers that declare the
 * structures assert it; in Rust vm-bin/tcpstats does, whose build script reads
 * the entries, one a line, by vm-bin/c-layout.
 */
#ifndef _TCPSTATS_LAYOUT_H_
#define _TCPSTATS_LAYOUT_H_

/* The structure's size, bytes. */
#define TCPSTATS_ASSERT_SIZE(structure, size)              \
	_Static_assert(sizeof(struct structure) == (size), \
	    #structure " is not of " #size " bytes")

/* The field's offset and size, bytes. */
#define TCPSTATS_ASSERT_FIELD(structure, field, offset, size)           \
	_Static_assert(offsetof(struct structure, field) == (offset) && \
		sizeof(((struct structure *)NULL)->field) == (size),    \
	    #field " is not at " #offset ", of " #size " bytes")
/* And the group of fields that it belongs to. */
#define TCPSTATS_ASSERT_GROUP_FIELD(structure, field, offset, size, group) \
	TCPSTATS_ASSERT_FIELD(structure, field, offset, size)

/* The ioctl(2) command's number, on FreeBSD and on Linux. */
#if defined(__linux__) && !defined(_KERNEL)
#define TCPSTATS_ASSERT_COMMAND(command, freebsd, linux) \
	_Static_assert((command) == (linux), #command " is not " #linux)
#else
#define TCPSTATS_ASSERT_COMMAND(command, freebsd, linux) \
	_Static_assert((command) == (freebsd), #command " is not " #freebsd)
#endif

#define TCPSTATS_RECORD_LAYOUT(SIZE, GROUP_FIELD)                           \
	SIZE(tcpstats_record, 320);                                         \
	GROUP_FIELD(tcpstats_record, tsr_version, 0, 4, HEADER);            \
	GROUP_FIELD(tcpstats_record, tsr_len, 4, 4, HEADER);                \
	GROUP_FIELD(tcpstats_record, tsr_flags, 8, 4, HEADER);              \
	GROUP_FIELD(tcpstats_record, tsr_pad0, 12, 4, UNUSED);              \
	GROUP_FIELD(tcpstats_record, tsr_af, 16, 1, IDENTITY);              \
	GROUP_FIELD(tcpstats_record, tsr_pad1, 17, 3, UNUSED);              \
	GROUP_FIELD(tcpstats_record, tsr_local_port, 20, 2, IDENTITY);      \
	GROUP_FIELD(tcpstats_record, tsr_remote_port, 22, 2, IDENTITY);     \
	GROUP_FIELD(tcpstats_record, tsr_local_addr, 24, 16, IDENTITY);     \
	GROUP_FIELD(tcpstats_record, tsr_remote_addr, 40, 16, IDENTITY);    \
	GROUP_FIELD(tcpstats_record, tsr_state, 56, 4, STATE);              \
	GROUP_FIELD(tcpstats_record, tsr_flags_tcp, 60, 4, STATE);          \
	GROUP_FIELD(tcpstats_record, tsr_snd_cwnd, 64, 4, CONGESTION);      \
	GROUP_FIELD(tcpstats_record, tsr_snd_ssthresh, 68, 4, CONGESTION);  \
	GROUP_FIELD(tcpstats_record, tsr_snd_wnd, 72, 4, CONGESTION);       \
	GROUP_FIELD(tcpstats_record, tsr_rcv_wnd, 76, 4, CONGESTION);       \
	GROUP_FIELD(tcpstats_record, tsr_maxseg, 80, 4, CONGESTION);        \
	GROUP_FIELD(tcpstats_record, tsr_cc, 84, 16, NAMES);                \
	GROUP_FIELD(tcpstats_record, tsr_stack, 100, 16, NAMES);            \
	GROUP_FIELD(tcpstats_record, tsr_rtt, 116, 4, RTT);                 \
	GROUP_FIELD(tcpstats_record, tsr_rttvar, 120, 4, RTT);              \
	GROUP_FIELD(tcpstats_record, tsr_rto, 124, 4, RTT);                 \
	GROUP_FIELD(tcpstats_record, tsr_rttmin, 128, 4, RTT);              \
	GROUP_FIELD(tcpstats_record, tsr_snd_wscale, 132, 1, SEQUENCES);    \
	GROUP_FIELD(tcpstats_record, tsr_rcv_wscale, 133, 1, SEQUENCES);    \
	GROUP_FIELD(tcpstats_record, tsr_options, 134, 1, SEQUENCES);       \
	GROUP_FIELD(tcpstats_record, tsr_pad2, 135, 1, UNUSED);             \
	GROUP_FIELD(tcpstats_record, tsr_snd_nxt, 136, 4, SEQUENCES);       \
	GROUP_FIELD(tcpstats_record, tsr_snd_una, 140, 4, SEQUENCES);       \
	GROUP_FIELD(tcpstats_record, tsr_snd_max, 144, 4, SEQUENCES);       \
	GROUP_FIELD(tcpstats_record, tsr_rcv_nxt, 148, 4, SEQUENCES);       \
	GROUP_FIELD(tcpstats_record, tsr_rcv_adv, 152, 4, SEQUENCES);       \
	GROUP_FIELD(tcpstats_record, tsr_snd_rexmitpack, 156, 4, COUNTERS); \
	GROUP_FIELD(tcpstats_record, tsr_rcv_ooopack, 160, 4, COUNTERS);    \
	GROUP_FIELD(tcpstats_record, tsr_snd_zerowin, 164, 4, COUNTERS);    \
	GROUP_FIELD(tcpstats_record, tsr_dupacks, 168, 4, COUNTERS);        \
	GROUP_FIELD(tcpstats_record, tsr_rcv_numsacks, 172, 4, COUNTERS);   \
	GROUP_FIELD(tcpstats_record, tsr_ecn, 176, 4, ECN);                 \
	GROUP_FIELD(tcpstats_record, tsr_delivered_ce, 180, 4, ECN);        \
	GROUP_FIELD(tcpstats_record, tsr_received_ce, 184, 4, ECN);         \
	GROUP_FIELD(tcpstats_record, tsr_dsack_bytes, 188, 4, ECN);         \
	GROUP_FIELD(tcpstats_record, tsr_dsack_pack, 192, 4, ECN);          \
	GROUP_FIELD(tcpstats_record, tsr_total_tlp, 196, 4, ECN);           \
	GROUP_FIELD(tcpstats_record, tsr_total_tlp_bytes, 200, 8, ECN);     \
	GROUP_FIELD(tcpstats_record, tsr_tt_rexmt, 208, 4, TIMERS);         \
	GROUP_FIELD(tcpstats_record, tsr_tt_persist, 212, 4, TIMERS);       \
	GROUP_FIELD(tcpstats_record, tsr_tt_keep, 216, 4, TIMERS);          \
	GROUP_FIELD(tcpstats_record, tsr_tt_2msl, 220, 4, TIMERS);          \
	GROUP_FIELD(tcpstats_record, tsr_tt_delack, 224, 4, TIMERS);        \
	GROUP_FIELD(tcpstats_record, tsr_rcvtime, 228, 4, TIMERS);          \
	GROUP_FIELD(tcpstats_record, tsr_snd_buf_cc, 232, 4, BUFFERS);      \
	GROUP_FIELD(tcpstats_record, tsr_snd_buf_hiwat, 236, 4, BUFFERS);   \
	GROUP_FIELD(tcpstats_record, tsr_rcv_buf_cc, 240, 4, BUFFERS);      \
	GROUP_FIELD(tcpstats_record, tsr_rcv_buf_hiwat, 244, 4, BUFFERS);   \
	GROUP_FIELD(tcpstats_record, tsr_so_addr, 248, 8, IDENTITY);        \
	GROUP_FIELD(tcpstats_record, tsr_uid, 256, 4, IDENTITY);            \
	GROUP_FIELD(tcpstats_record, tsr_inp_gencnt, 260, 8, IDENTITY);     \
	GROUP_FIELD(tcpstats_record, tsr_spare, 268, 52, UNUSED)

#define TCPSTATS_IOCTL_LAYOUT(COMMAND, SIZE, FIELD)            \
	COMMAND(TCPSTATS_VERSION_CMD, 0x40105401, 0x80105401); \
	COMMAND(TCPSTATS_SET_FILTER, 0x807c5402, 0x407c5402);  \
	COMMAND(TCPSTATS_RESET, 0x20005403, 0x5403);           \
	SIZE(tcpstats_version, 16);                            \
	FIELD(tcpstats_version, tsv_protocol_version, 0, 4);   \
	FIELD(tcpstats_version, tsv_record_size, 4, 4);        \
	FIELD(tcpstats_version, tsv_record_count_hint, 8, 4);  \
	FIELD(tcpstats_version, tsv_flags, 12, 4);             \
	SIZE(tcpstats_filter, 124);                            \
	FIELD(tcpstats_filter, tsf_version, 0, 4);             \
	FIELD(tcpstats_filter, tsf_state_mask, 4, 2);          \
	FIELD(tcpstats_filter, tsf_pad0, 6, 2);                \
	FIELD(tcpstats_filter, tsf_flags, 8, 4);               \
	FIELD(tcpstats_filter, tsf_local_ports, 12, 16);       \
	FIELD(tcpstats_filter, tsf_remote_ports, 28, 16);      \
	FIELD(tcpstats_filter, tsf_local_addr_v4, 44, 4);      \
	FIELD(tcpstats_filter, tsf_local_mask_v4, 48, 4);      \
	FIELD(tcpstats_filter, tsf_remote_addr_v4, 52, 4);     \
	FIELD(tcpstats_filter, tsf_remote_mask_v4, 56, 4);     \
	FIELD(tcpstats_filter, tsf_local_addr_v6, 60, 16);     \
	FIELD(tcpstats_filter, tsf_local_prefix_v6, 76, 1);    \
	FIELD(tcpstats_filter, tsf_pad1, 77, 3);               \
	FIELD(tcpstats_filter, tsf_remote_addr_v6, 80, 16);    \
	FIELD(tcpstats_filter, tsf_remote_prefix_v6, 96, 1);   \
	FIELD(tcpstats_filter, tsf_pad2, 97, 3);               \
	FIELD(tcpstats_filter, tsf_field_mask, 100, 4);        \
	FIELD(tcpstats_filter, tsf_format, 104, 4);            \
	FIELD(tcpstats_filter, tsf_spare, 108, 16)

/* Of the core, where pointers have 8 bytes. */
#define TCPSTATS_CORE_LAYOUT(SIZE, FIELD)                           \
	SIZE(tcpstats_filter_error, 136);                           \
	FIELD(tcpstats_filter_error, tfe_offset, 0, 4);             \
	FIELD(tcpstats_filter_error, tfe_length, 4, 4);             \
	FIELD(tcpstats_filter_error, tfe_message, 8, 128);          \
	SIZE(tcpstats_socket, 32);                                  \
	FIELD(tcpstats_socket, ts_gencnt, 0, 8);                    \
	FIELD(tcpstats_socket, ts_local_addr, 8, 8);                \
	FIELD(tcpstats_socket, ts_remote_addr, 16, 8);              \
	FIELD(tcpstats_socket, ts_local_port, 24, 2);               \
	FIELD(tcpstats_socket, ts_remote_port, 26, 2);              \
	FIELD(tcpstats_socket, ts_state, 28, 1);                    \
	FIELD(tcpstats_socket, ts_ipv6, 29, 1);                     \
	FIELD(tcpstats_socket, ts_visible, 30, 1);                  \
	SIZE(tcpstats_limits, 16);                                  \
	FIELD(tcpstats_limits, tl_max_open_fds, 0, 4);              \
	FIELD(tcpstats_limits, tl_max_concurrent_readers, 4, 4);    \
	FIELD(tcpstats_limits, tl_max_read_duration_ms, 8, 4);      \
	FIELD(tcpstats_limits, tl_min_read_interval_ms, 12, 4);     \
	SIZE(tcpstats_reader, 296);                                 \
	FIELD(tcpstats_reader, tr_filter, 0, 124);                  \
	FIELD(tcpstats_reader, tr_matcher, 128, 136);               \
	FIELD(tcpstats_reader, tr_snapshot, 264, 8);                \
	FIELD(tcpstats_reader, tr_cursor, 272, 8);                  \
	FIELD(tcpstats_reader, tr_snapshot_ns, 280, 8);             \
	FIELD(tcpstats_reader, tr_taken, 288, 1);                   \
	FIELD(tcpstats_reader, tr_active, 289, 1);                  \
	FIELD(tcpstats_reader, tr_exhausted, 290, 1);               \
	SIZE(tcpstats_read_stats, 80);                              \
	FIELD(tcpstats_read_stats, trs_visited, 0, 8);              \
	FIELD(tcpstats_read_stats, trs_emitted, 8, 8);              \
	FIELD(tcpstats_read_stats, trs_skipped, 16, 48);            \
	FIELD(tcpstats_read_stats, trs_duration_ns, 64, 8);         \
	FIELD(tcpstats_read_stats, trs_copy_failed, 72, 1);         \
	FIELD(tcpstats_read_stats, trs_timed_out, 73, 1);           \
	FIELD(tcpstats_read_stats, trs_interrupted, 74, 1);         \
	SIZE(tcpstats_read_ops, 48);                                \
	FIELD(tcpstats_read_ops, tro_snapshot, 0, 8);               \
	FIELD(tcpstats_read_ops, tro_walk, 8, 8);                   \
	FIELD(tcpstats_read_ops, tro_copyout, 16, 8);               \
	FIELD(tcpstats_read_ops, tro_uptime_ns, 24, 8);             \
	FIELD(tcpstats_read_ops, tro_interrupted, 32, 8);           \
	FIELD(tcpstats_read_ops, tro_yield, 40, 8);                 \
	SIZE(tcpstats_admission, 8);                                \
	FIELD(tcpstats_admission, ta_active_fds, 0, 4);             \
	FIELD(tcpstats_admission, ta_active_readers, 4, 4);         \
	SIZE(tcpstats_counters, 120);                               \
	FIELD(tcpstats_counters, tc_opens_total, 0, 8);             \
	FIELD(tcpstats_counters, tc_reads_total, 8, 8);             \
	FIELD(tcpstats_counters, tc_records_emitted, 16, 8);        \
	FIELD(tcpstats_counters, tc_sockets_visited, 24, 8);        \
	FIELD(tcpstats_counters, tc_sockets_skipped, 32, 48);       \
	FIELD(tcpstats_counters, tc_read_duration_ns_total, 80, 8); \
	FIELD(tcpstats_counters, tc_read_duration_ns_max, 88, 8);   \
	FIELD(tcpstats_counters, tc_uiomove_errors, 96, 8);         \
	FIELD(tcpstats_counters, tc_reads_timed_out, 104, 8);       \
	FIELD(tcpstats_counters, tc_reads_interrupted, 112, 8);     \
	SIZE(tcpstats_profile, 668);                                \
	FIELD(tcpstats_profile, tp_name, 0, 32);                    \
	FIELD(tcpstats_profile, tp_text, 32, 512);                  \
	FIELD(tcpstats_profile, tp_filter, 544, 124);               \
	SIZE(tcpstats_profiles, 10688);                             \
	FIELD(tcpstats_profiles, tps_slots, 0, 10688)
#endif /* !_TCPSTATS_LAYOUT_H_ */
