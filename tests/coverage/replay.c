/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a fuzzer's inputs one after the other, without libFuzzer: `fuzz_NAME FILE...`. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/input.h"

/* A target may have one. */
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static int replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	long size;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
		perror(path);
		return 1;
	}
	rewind(file);

	/* A block of exactly that size, as libFuzzer gives it. */
	u8 *bytes = malloc((size_t)size);
	bool whole = fread(bytes, 1, (size_t)size, file) == (size_t)size;

	fclose(file);
	if (whole)
		(void)LLVMFuzzerTestOneInput(bytes, (size_t)size);
	else
		fprintf(stderr, "%s: cannot be read\n", path);
	free(bytes);
	return whole ? 0 : 1;
}

int main(int argc, char **argv)
{
	int failures = 0;

	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		failures += replay(argv[i]);
	printf("%d inputs, %d failed\n", argc - 1, failures);
	return failures != 0;
}
