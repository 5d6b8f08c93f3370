/* SPDX-License-Identifier: BSD-2-Clause */
#include "guest/payload/agent.h"

#include "guest/payload/payload.h"

static volatile struct agent_mailbox *const mailbox = (void *)AGENT_MAILBOX;
static volatile bool called;

static void call_handle(unsigned int vector)
{
	(void)vector;
	called = true;
}

static void interrupt_handle(unsigned int vector)
{
	mailbox->seen = mailbox->posted;
	mmio_write32(AGENT_DOORBELL, vector);
}

static void command_run(void)
{
	switch (mailbox->command) {
	case AGENT_READ:
		mailbox->value = mmio_read32(mailbox->address);
		break;
	case AGENT_WRITE:
		mmio_write32(mailbox->address, (uint32_t)mailbox->value);
		break;
	case AGENT_SEND:
		for (uint64_t i = 0; i < mailbox->value; i++)
			serial_put((uint8_t)i);
		break;
	case AGENT_SPIN:
		while (!mailbox->value)
			;
		break;
	}
}

void payload_main(void)
{
	for (unsigned int vector = AGENT_VECTOR_CALL; vector < 255; vector++) {
		interrupt_handler_set(vector, interrupt_handle);
		message_for(AGENT_REQUESTER, vector);
	}
	interrupt_handler_set(AGENT_VECTOR_CALL, call_handle);
	for (;;) {
		mmio_write32(AGENT_DOORBELL, AGENT_DONE);
		called = false;
		while (!called)
			interrupt_wait();
		command_run();
	}
}
