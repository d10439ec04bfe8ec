/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: an operator who types anything, VMs that write anything, a line that takes as much
 * as it likes, time that passes. What must hold:
 *
 *	what is typed goes to the one in focus, in order, and to nobody else;
 *	rings stay within their bounds, and all locks are let go of;
 *	the hypervisor's own words are text on every terminal, whatever a guest has left open.
 *
 * The mark is in every name and message of the hypervisor's here, and no guest writes one. The
 * line editor by itself is fed beside a terminal of one line, by inputs whose first byte is odd.
 *
 * Bytes come by value, through the UART or a copy of the SBI's: no guest memory is read here.
 */
#include "tests/fuzz/console_phrases.h"
#include "tests/fuzz/edit_lines.h"
#include "tests/fuzz/terminals.h"

#include "hyp/trace.h"
#include "hyp/ui/console_internal.h"
#include "hyp/ui/trace_commands.h"
#include "hyp/vm/observe.h"
#include "tests/unit/shell_screen.h"

#define MARK	  '@'
#define VM_COUNT  3
#define TYPED_MAX 8192

static const char *const vm_names[VM_COUNT] = {"@zero", "@one", "@twotwotwotwotwotwotwo"};

/* ------------------------------------------------------------------------------------------------
 * What is typed for whom.
 */

static struct typed {
	u8 bytes[TYPED_MAX];
	size_t count, read; /* read: by the guest */
	u64 end;	    /* of the ring, when it was looked at last */
} typed[VM_COUNT];

static bool resets;	 /* a command may have reset a UART, and what was in it is gone */
static size_t looked_at; /* of the output */

static struct console *console_of(unsigned vm)
{
	struct console *console = console_ui.first;

	while (vm--)
		console = console->next;
	return console;
}

/* A byte was typed while that one was in focus. Nobody else got any. */
static void note_typed(const struct console *focus, u8 byte)
{
	for (unsigned i = 0; i < VM_COUNT; i++) {
		u64 end = console_of(i)->input.end, came = end - typed[i].end;

		REQUIRE(came <= 1);
		REQUIRE(!came || focus == console_of(i));
		if (came && typed[i].count < TYPED_MAX)
			typed[i].bytes[typed[i].count++] = byte;
		typed[i].end = end;
	}
}

static void note_read(unsigned vm, u8 byte)
{
	struct typed *it = &typed[vm];

	while (resets && it->read < it->count && it->bytes[it->read] != byte)
		it->read++;
	REQUIRE(it->read < it->count && it->bytes[it->read] == byte);
	it->read++;
}

/* ------------------------------------------------------------------------------------------------
 * What the terminal gets.
 */

static void check_output(void)
{
	const char *output = fake_console_output();

	for (; output[looked_at]; looked_at++) {
		if (output[looked_at] == MARK)
			REQUIRE(terminals_show_text());
		terminal_feed((u8)output[looked_at]);
	}
	if (looked_at > 1 << 19) {
		fake_console_clear();
		looked_at = 0;
	}
}

static void check_ring(const struct ring *ring)
{
	REQUIRE(ring->start <= ring->end && ring_count(ring) <= ring->size);
}

static void check_all(void)
{
	assert_no_lock();
	for (unsigned i = 0; i < VM_COUNT; i++) {
		const struct console *console = console_of(i);

		check_ring(&console->output);
		check_ring(&console->input);
		REQUIRE(console->lines.length <= sizeof(console->lines.text));
		REQUIRE(!console->offering && !console->has_jobs);
	}
	check_ring(&console_ui.shell.output);
	check_ring(&console_ui.shell.input);
	REQUIRE(console_ui.staged_start <= console_ui.staged_end);
	REQUIRE(console_ui.staged_end <= sizeof(console_ui.staged));
	REQUIRE(!console_ui.all || console_ui.focus != &console_ui.shell);
	check_output();
}

/* ------------------------------------------------------------------------------------------------
 * Events.
 */

static void be_busy(void)
{
	for (unsigned i = 0; i < 64 && do_work(); i++)
		;
}

/* One byte, unless the last one still waits on the line. */
static void type_byte(u8 byte)
{
	const struct console *focus = console_ui.focus;

	if (fake_console_input_left())
		return;
	if (byte == '\r' || byte == '\n')
		resets = true;
	fake_console_type((const char *)&byte, 1);
	be_interrupted_once();
	note_typed(focus, byte);
}

/* A byte that waited has come in meanwhile. */
static void let_in(void (*event)(void))
{
	const struct console *focus = console_ui.focus;
	bool waited = fake_console_input_left();

	if (!waited) {
		event();
		note_typed(NULL, 0);
		return;
	}
	/* It is not known here any more; whose it was is. */
	event();
	for (unsigned i = 0; i < VM_COUNT; i++) {
		u64 end = console_of(i)->input.end;

		REQUIRE(end == typed[i].end || focus == console_of(i));
		resets |= end != typed[i].end;
		if (end != typed[i].end && typed[i].count < TYPED_MAX)
			typed[i].bytes[typed[i].count++] = ring_at(&console_of(i)->input, end - 1);
		typed[i].end = end;
	}
}

static void type_phrase(struct input *input)
{
	const char *phrase = phrases[input_u8(input) % ARRAY_SIZE(phrases)];

	for (; *phrase; phrase++) {
		type_byte((u8)*phrase);
		if (console_ui.focus == &console_ui.shell)
			be_busy();
	}
}

static void write_byte(unsigned vm, u8 byte)
{
	if (byte == MARK)
		byte = 'x';
	if (can_send(guests[vm]))
		put(guests[vm], DATA, byte);
}

static void write_some(struct input *input, unsigned vm)
{
	u8 form = input_u8(input);
	char bytes[64];

	if (form & 1) {
		const char *phrase = phrases[form / 2 % ARRAY_SIZE(phrases)];

		while (*phrase)
			write_byte(vm, (u8)*phrase++);
		return;
	}
	input_bytes(input, bytes, form / 4);
	for (unsigned i = 0; i < form / 4u; i++) {
		if (bytes[i] == MARK || !bytes[i])
			bytes[i] = '.';
		if (form & 2)
			write_byte(vm, (u8)bytes[i]);
	}
	bytes[form / 4] = '\0';
	if (!(form & 2))
		(void)sbi_write(guests[vm], bytes);
}

/* Enough to fill a ring, by the SBI: byte by byte it would be most of a run's time. */
static void flood(struct input *input, unsigned vm)
{
	u16 count = input_u16(input) % 128;
	u8 bytes[256];

	memset(bytes, input_u8(input) | 1, sizeof(bytes));
	bytes[sizeof(bytes) - 1] = '\n';
	for (size_t i = 0; i < sizeof(bytes); i++)
		if (bytes[i] == MARK)
			bytes[i] = '#';
	for (u16 i = 0; i < count; i++)
		if (guests[vm]->vm.ops->console_write(&guests[vm]->vm, bytes, sizeof(bytes)) == 0)
			break;
}

static void read_some(struct input *input, unsigned vm)
{
	u8 form = input_u8(input);
	char bytes[32];
	size_t count = 0;

	if (form & 1) {
		count = sbi_read(guests[vm], bytes, form / 8);
	} else {
		while (count < form / 8u && get(guests[vm], LSR) & LSR_DATA_READY)
			bytes[count++] = (char)get(guests[vm], DATA);
	}
	for (size_t i = 0; i < count; i++)
		note_read(vm, (u8)bytes[i]);
}

static void wait_short(void)
{
	be_busy();
	fake_advance_time(hw_machine()->timebase_hz / 1000 * 7);
	be_busy();
}

static void wait_long(void)
{
	be_busy();
	fake_advance_time(hw_machine()->timebase_hz / 1000 * 1100);
	be_busy();
}

/* Of an event, where tracing is on. */
static u64 fuzzed_argument(struct input *input)
{
	return trace_is_on ? input_u64(input) : 0;
}

static void happen(struct input *input, u8 what)
{
	unsigned vm = what / 16 % VM_COUNT;

	switch (what % 16) {
	case 0:
	case 1:
		type_byte(input_u8(input));
		break;
	case 2:
	case 3:
		type_phrase(input);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		write_some(input, vm);
		break;
	case 8:
		flood(input, vm);
		break;
	case 9:
		read_some(input, vm);
		break;
	case 10:
		trace((enum trace_event)(what / 16 % TRACE_EVENT_COUNT), guests[vm]->vcpus[0],
		      fuzzed_argument(input));
		log_info("%c %u", MARK, what);
		break;
	case 11:
		log_guest(&guests[vm]->vm.log, "%s: %c", guests[vm]->vm.name, MARK);
		break;
	case 12:
		fake_console_set_room(what & 128 ? SIZE_MAX : input_u8(input));
		break;
	case 13:
		fake_console_set_room(what & 128 ? 0 : input_u8(input) % 8);
		break;
	case 14:
		wait_short();
		break;
	default:
		if (what & 128)
			wait_long();
		break;
	}
}

static struct input *now;
static u8 what_now;

static void happen_now(void)
{
	happen(now, what_now);
	be_interrupted_once();
}

static void run_console(struct input *input)
{
	now = input;
	for (unsigned i = 0; input->left && i < 96; i++) {
		what_now = input_u8(input);
		if (what_now % 16 < 4) {
			happen(input, what_now);
			let_in(be_interrupted_once);
		} else {
			let_in(happen_now);
		}
		if (console_ui.focus == &console_ui.shell)
			let_in(be_busy);
		check_all();
	}
	/* With room, all that is due comes out. */
	fake_console_set_room(SIZE_MAX);
	let_in(wait_short);
	check_all();
}

/* To the end, or until the operator has the machine stopped. */
static void run_to_the_end(struct input *input)
{
	if (FAKE_CATCH_END(run_console(input)) == FAKE_END_CHECK)
		fake_fail("CHECK(%s)", fake_check_condition());
}

static void start_console(u8 form)
{
	start_machine(1);
	for (unsigned i = 0; i < VM_COUNT; i++)
		make_guest(i, vm_names[i]);
	look_forget_all();
	shell_init(NULL);
	observe_stop(OBSERVE_TRACE | OBSERVE_PROFILE);
	trace_forget();
	trace_commands_init();
	if (form & 2)
		console_set_escape(form & 4 ? 0 : 1);
	if (form & 8)
		for (unsigned i = 0; i < VM_COUNT; i++)
			(void)!guest_start(guests[i]);
	if (!(form & 16))
		REQUIRE(console_show(guests[form / 32 % VM_COUNT]) == STATUS_OK);
	be_busy();
	memset(&terminals, 0, sizeof(terminals));
	for (unsigned i = 0; i < VM_COUNT; i++)
		typed[i].count = typed[i].read = typed[i].end = 0;
	resets = false;
	looked_at = 0;
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct input input = {bytes, size};
	u8 form = input_u8(&input);

	if (form & 1) {
		edit_lines(&input);
		return 0;
	}
	start_console(form);
	run_to_the_end(&input);
	return 0;
}
