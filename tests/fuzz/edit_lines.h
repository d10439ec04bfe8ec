/* SPDX-License-Identifier: BSD-2-Clause */
/* The line editor by itself: after each byte the terminal shows what the editor has. */
#pragma once

#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"
#include "tests/unit/line_screen.h"

static inline const char *any_candidate(void *context, const char *text, size_t word,
					unsigned index, char *buffer, size_t size)
{
	static const char *const words[] = {"vm", "vcpu", "version",
					    "verylongword-of-many-letters"};

	(void)context;
	REQUIRE(word <= strlen(text));
	if (index >= 40)
		return NULL;
	snprintf(buffer, size, "%s%.*u", words[index % ARRAY_SIZE(words)], (int)index / 8, index);
	return buffer;
}

static inline void edit_lines(struct input *input)
{
	static const struct line_edit_ops ops = {screen_write, any_candidate, &screen};

	memset(&screen, 0, sizeof(screen));
	memset(screen.line, ' ', COLUMNS);
	line_edit_init(&edit, &ops, PROMPT);
	line_edit_start(&edit, "");
	for (unsigned i = 0; input->left && i < 512; i++) {
		enum line_event event = line_edit_feed(&edit, input_u8(input));

		REQUIRE(edit.length <= LINE_EDIT_MAX && edit.cursor <= edit.length);
		if (event == LINE_DONE)
			line_edit_start(&edit, i % 3 ? "" : "console ");
		assert_screen_is_right();
	}
}
