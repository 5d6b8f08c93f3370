/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file of --timeline, an object:
 *
 *   "format"	1
 *   "posthorn"	the version that wrote it
 *   "steps"	an array of objects, in order and without gaps: "what" was done, the "object" it was
 *		done with ("" for none), "begin_ns" and "end_ns", nanoseconds since the start of run
 *   "events"	an array of objects: "what" happened first, and when, "ns" as above: "first
 *KVM_RUN", "first exit", "first console byte", and "mark N" for each number that the guest wrote
 */
#ifndef POSTHORN_VMM_TIMELINE_TIMELINE_H
#define POSTHORN_VMM_TIMELINE_TIMELINE_H

#define TIMELINE_FORMAT 1

#endif
