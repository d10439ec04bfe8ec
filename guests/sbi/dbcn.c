/* SPDX-License-Identifier: BSD-2-Clause */
/* "Debug Console Extension". */
#include "print.h"
#include "tests.h"

static struct sbi_result dbcn(u64 function, u64 length, u64 low, u64 high)
{
	return sbi_call(SBI_DBCN, function, length, low, high, 0);
}

static void test_write(void)
{
	static const char text[] = "dbcn: written in one call\n";
	u64 done = 0;

	check_begin("dbcn write");
	/* Not blocking: a part may be taken, or nothing for a while. */
	while (done < strlen(text)) {
		struct sbi_result r = dbcn(DBCN_WRITE, strlen(text) - done, (u64)text + done, 0);

		check_error("write", r, SBI_SUCCESS);
		check_want(r.value <= strlen(text) - done, "wrote %lu", r.value);
		if (r.error)
			break;
		done += r.value;
	}
	check_end();

	check_begin("dbcn write of nothing");
	check_error("write", dbcn(DBCN_WRITE, 0, (u64)text, 0), SBI_SUCCESS);
	check_equal("count", dbcn(DBCN_WRITE, 0, (u64)text, 0).value, 0);
	check_end();
}

static void test_write_byte(void)
{
	static const char text[] = "dbcn: written by bytes\n";
	bool right = true;

	check_begin("dbcn write_byte");
	for (const char *s = text; *s; s++) {
		/* A uint8_t parameter: what is above does not count. */
		struct sbi_result r = dbcn(DBCN_WRITE_BYTE, 0xffffffffffffff00 | (u8)*s, 0, 0);

		right &= r.error == SBI_SUCCESS && r.value == 0;
	}
	check_want(right, "an error, or a value that is not 0");
	check_end();
}

static void test_read(void)
{
	char buffer[16];
	struct sbi_result r;

	/* Nobody types during the tests; what the terminal sends by itself may still be there. */
	while (dbcn(DBCN_READ, sizeof(buffer), (u64)buffer, 0).value)
		;
	memset(buffer, 0x5a, sizeof(buffer));
	check_begin("dbcn read without input");
	r = dbcn(DBCN_READ, sizeof(buffer), (u64)buffer, 0);
	check_error("read", r, SBI_SUCCESS);
	check_equal("count", r.value, 0);
	for (size_t i = 0; i < sizeof(buffer); i++)
		check_equal("buffer", (u8)buffer[i], 0x5a);
	check_end();
}

/*
 * Ranges that are not all memory of this machine. For a range within limits of its own OpenSBI may
 * say FAILED ("Shared memory physical address range parameter"): it does so for an upper half. It
 * takes device registers and holes for memory, which is not tried.
 */
static void test_bad_memory(u64 function, const char *name)
{
	u64 end = boot_ram_end();
	const struct {
		const char *what;
		u64 length, low;
	} bad[] = {
		{"address 0", 8, 0},
		{"a device", 8, UART_BASE},
		{"a hole", 8, HOLE_BASE},
		{"below RAM", 8, RAM_BASE - 8},
		{"into RAM", 8, RAM_BASE - 4},
		{"behind RAM", 8, end},
		{"out of RAM", 8, end - 4},
		{"more than RAM", end, IMAGE_BASE},
		{"a wrapped range", ~0ul, IMAGE_BASE},
		{"the last byte", 8, ~0ul - 7},
		{"a negative length", ~0ul - 7, end},
	};
	bool opensbi = sbi_is_opensbi();

	check_begin("dbcn %s outside memory is INVALID_PARAM", name);
	check_error_either("upper half", dbcn(function, 8, IMAGE_BASE, 1), SBI_ERR_INVALID_PARAM,
			   opensbi ? SBI_ERR_FAILED : SBI_ERR_INVALID_PARAM);
	check_error_either("upper bit", dbcn(function, 8, IMAGE_BASE, 1ul << 63),
			   SBI_ERR_INVALID_PARAM, opensbi ? SBI_ERR_FAILED : SBI_ERR_INVALID_PARAM);
	if (opensbi)
		check_error("firmware's memory", dbcn(function, 8, RAM_BASE, 0),
			    SBI_ERR_INVALID_PARAM);
	for (size_t i = 0; i < ARRAY_COUNT(bad) && !opensbi; i++)
		check_error(bad[i].what, dbcn(function, bad[i].length, bad[i].low, 0),
			    SBI_ERR_INVALID_PARAM);
	check_end();
}

void test_dbcn(void)
{
	test_write();
	test_write_byte();
	test_read();
	test_bad_memory(DBCN_WRITE, "write");
	test_bad_memory(DBCN_READ, "read");
}

/* Reads a line that someone types, and shows it as it came, in one line of hexadecimal. */
void run_dbcn_input(void)
{
	char line[64], hex[2 * sizeof(line) + 1];
	size_t length = 0;

	print("dbcn-input: type a line\n");
	while (length < sizeof(line) && (!length || line[length - 1] != '\r') &&
	       (!length || line[length - 1] != '\n')) {
		struct sbi_result r = dbcn(DBCN_READ, 1, (u64)line + length, 0);

		if (r.error || r.value > 1)
			break;
		length += r.value;
	}
	hex[0] = 0;
	for (size_t i = 0; i < length; i++)
		format_to(hex + 2 * i, 3, "%02x", (u8)line[i]);
	print("dbcn-input: %s\n", hex);
	check_true("dbcn read of a line", length > 0);
}
