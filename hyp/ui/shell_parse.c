/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a line to a command: words, the table of commands, what may have been meant, and completion.
 * Owns the list of groups, which grows at boot only.
 */
#include <string.h>

#include "hyp/ui/shell_internal.h"

#define SUGGEST_DISTANCE                                                        \
	2 /* more letters than these would have to change: nothing is suggested \
	   */
#define SUGGEST_LENGTH 16

static struct shell_group *const built_in[] = {&shell_basic, &shell_vm, &shell_stats,
					       &shell_machine};
static struct shell_group *added;

void shell_add(struct shell_group *group)
{
	struct shell_group **end = &added;

	while (*end && *end != group)
		end = &(*end)->next;
	if (!*end) {
		group->next = NULL;
		*end = group;
	}
}

static const struct shell_command *find_in(const struct shell_group *group,
					   const struct shell_command *after, bool *found)
{
	for (size_t i = 0; i < group->count; i++) {
		if (*found)
			return &group->commands[i];
		*found = &group->commands[i] == after;
	}
	return NULL;
}

const struct shell_command *shell_next_command(const struct shell_command *command)
{
	const struct shell_command *next = NULL;
	bool found = !command;

	for (size_t i = 0; i < ARRAY_SIZE(built_in) && !next; i++)
		next = find_in(built_in[i], command, &found);
	for (const struct shell_group *group = added; group && !next; group = group->next)
		next = find_in(group, command, &found);
	return next;
}

/* ---- What may have been meant ---- */

/* How many letters have to be changed, put in or left out (Levenshtein's distance). */
static unsigned distance(const char *from, const char *to)
{
	size_t from_length = strlen(from), to_length = strlen(to);
	unsigned row[SUGGEST_LENGTH + 1], diagonal, above;

	if (from_length > SUGGEST_LENGTH || to_length > SUGGEST_LENGTH)
		return SUGGEST_LENGTH;
	for (unsigned j = 0; j <= to_length; j++)
		row[j] = j;
	for (unsigned i = 1; i <= from_length; i++) {
		diagonal = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= to_length; j++) {
			above = row[j];
			row[j] = (unsigned)min_u64(min_u64(row[j], row[j - 1]) + 1,
						   diagonal + (from[i - 1] != to[j - 1]));
			diagonal = above;
		}
	}
	return row[to_length];
}

/* sub_of NULL: the first words; else the second ones behind that. */
static const char *word_of(const struct shell_command *command, const char *sub_of)
{
	if (!sub_of)
		return command->name;
	return strcmp(command->name, sub_of) ? NULL : command->sub;
}

static const char *nearest(const char *word, const char *sub_of)
{
	unsigned best = SUGGEST_DISTANCE + 1;
	const char *found = NULL;

	for (const struct shell_command *c = shell_next_command(NULL); c;
	     c = shell_next_command(c)) {
		const char *candidate = word_of(c, sub_of);

		/* Most of what was typed has to be right. */
		if (!candidate || distance(word, candidate) >= best ||
		    2ULL * distance(word, candidate) > strlen(candidate))
			continue;
		best = distance(word, candidate);
		found = candidate;
	}
	return found;
}

static void tell_unknown(const char *word, const char *sub_of)
{
	const char *meant = nearest(word, sub_of);
	const char *space = sub_of ? " " : "";

	sub_of = sub_of ? sub_of : "";
	if (meant)
		shell_print("\"%s%s%s\" is no command; did you mean \"%s%s%s\"?", sub_of, space,
			    word, sub_of, space, meant);
	else
		shell_print("\"%s%s%s\" is no command; \"help\" lists them", sub_of, space, word);
}

/* ---- Parsing ---- */

static unsigned split(char *line, const char **words)
{
	unsigned count = 0;

	while (*line && count < SHELL_WORDS_MAX) {
		while (*line == ' ')
			*line++ = '\0';
		if (*line)
			words[count++] = line;
		while (*line && *line != ' ')
			line++;
	}
	/* What is too much stays in the last word, and makes that one wrong. */
	return count;
}

/* *named: there are commands of that name. A command without a second word of its own is found
 * whatever the second word is. */
static const struct shell_command *find(const char *name, const char *sub, bool *named)
{
	*named = false;
	for (const struct shell_command *c = shell_next_command(NULL); c;
	     c = shell_next_command(c)) {
		if (strcmp(c->name, name) != 0)
			continue;
		*named = true;
		if (!c->sub || (sub && !strcmp(c->sub, sub)))
			return c;
	}
	return NULL;
}

static void tell_subs(const char *name)
{
	char list[SHELL_COLUMNS + 1];
	size_t length = 0;

	list[0] = '\0';
	for (const struct shell_command *c = shell_next_command(NULL); c;
	     c = shell_next_command(c)) {
		if (strcmp(c->name, name) != 0 || length + strlen(c->sub) + 2 > sizeof(list))
			continue;
		list[length++] = ' ';
		memcpy(list + length, c->sub, strlen(c->sub) + 1);
		length += strlen(c->sub);
	}
	shell_print("after \"%s\" comes one of:%s", name, list);
}

static bool check_count(const struct shell_call *call)
{
	const struct shell_command *c = call->command;

	if (call->argc >= c->argc_min && call->argc <= c->argc_max)
		return true;
	shell_print("%s; it is: %s%s%s%s%s",
		    call->argc < c->argc_min ? "there is something missing" : "that is too much",
		    c->name, c->sub ? " " : "", c->sub ? c->sub : "", c->arguments ? " " : "",
		    c->arguments ? c->arguments : "");
	return false;
}

bool shell_parse(char *line, struct shell_call *call)
{
	const char *words[SHELL_WORDS_MAX];
	unsigned count = split(line, words);
	bool named;

	if (!count)
		return false;
	memset(call, 0, sizeof(*call));
	call->command = find(words[0], count > 1 ? words[1] : NULL, &named);
	if (!call->command) {
		if (!named)
			tell_unknown(words[0], NULL);
		else if (count > 1)
			tell_unknown(words[1], words[0]);
		else
			tell_subs(words[0]);
		return false;
	}
	unsigned skip = call->command->sub ? 2 : 1;

	call->argc = count - skip;
	memcpy(call->argv, words + skip, call->argc * sizeof(*words));
	return check_count(call);
}
