/* SPDX-License-Identifier: BSD-2-Clause */
/* The hostile guest's random numbers. */
#include "guest/payload/hostile.h"

/* splitmix64: the state is a counter, and each number a mixture of its bits. */
uint64_t random_next(struct hostile_cpu *cpu)
{
	uint64_t bits = cpu->random += 0x9e3779b97f4a7c15;

	bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
	bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
	return bits ^ bits >> 31;
}

uint64_t random_below(struct hostile_cpu *cpu, uint64_t limit)
{
	return random_next(cpu) % limit;
}

bool random_one_in(struct hostile_cpu *cpu, uint64_t count)
{
	return random_below(cpu, count) == 0;
}
