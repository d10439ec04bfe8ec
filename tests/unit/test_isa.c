/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's ISA: made from what real machines say of theirs, and from what was probed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/config/isa.h"

#define ALL_FEATURES (~0u)
/* What the machines below without V have. */
#define RV64_FEATURES                                                                 \
	(HW_FEATURE_SSTC | HW_FEATURE_SVADU | HW_FEATURE_ZICBOM | HW_FEATURE_ZICBOZ | \
	 HW_FEATURE_F | HW_FEATURE_D)

/* As in the device trees of QEMU 10.0, -machine virt with -cpu rv64, max and rva23s64. The arrays
 * end with the empty name. */
static const char qemu_rv64[] =
	"i\0m\0a\0f\0d\0c\0h\0zic64b\0zicbom\0zicbop\0zicboz\0ziccamoa\0ziccif\0zicclsm\0"
	"ziccrse\0zicntr\0zicsr\0zifencei\0zihintntl\0zihintpause\0zihpm\0zmmul\0za64rs\0"
	"zaamo\0zalrsc\0zawrs\0zfa\0zca\0zcd\0zba\0zbb\0zbc\0zbs\0shcounterenw\0shgatpa\0"
	"shtvala\0shvsatpa\0shvstvala\0shvstvecd\0ssccptr\0sscounterenw\0sstc\0sstvala\0"
	"sstvecd\0ssu64xl\0svadu\0svvptc\0";

static const char qemu_max[] =
	"i\0m\0a\0f\0d\0c\0b\0v\0h\0zic64b\0zicbom\0zicbop\0zicboz\0ziccamoa\0ziccif\0"
	"zicclsm\0ziccrse\0zicfilp\0zicfiss\0zicond\0zicntr\0zicsr\0zifencei\0zihintntl\0"
	"zihintpause\0zihpm\0zimop\0zmmul\0za64rs\0zaamo\0zabha\0zacas\0zama16b\0zalrsc\0"
	"zawrs\0zfa\0zfbfmin\0zfh\0zfhmin\0zca\0zcb\0zcd\0zcmop\0zba\0zbb\0zbc\0zbkb\0zbkc\0"
	"zbkx\0zbs\0zk\0zkn\0zknd\0zkne\0zknh\0zkr\0zks\0zksed\0zksh\0zkt\0ztso\0zvbb\0zvbc\0"
	"zve32f\0zve32x\0zve64f\0zve64d\0zve64x\0zvfbfmin\0zvfbfwma\0zvfh\0zvfhmin\0zvkb\0"
	"zvkg\0zvkn\0zvknc\0zvkned\0zvkng\0zvknha\0zvknhb\0zvks\0zvksc\0zvksed\0zvksg\0"
	"zvksh\0zvkt\0shcounterenw\0sha\0shgatpa\0shtvala\0shvsatpa\0shvstvala\0shvstvecd\0"
	"smaia\0smcdeleg\0smcntrpmf\0smcsrind\0smepmp\0smmpm\0smnpm\0smstateen\0ssaia\0"
	"ssccfg\0ssccptr\0sscofpmf\0sscounterenw\0sscsrind\0ssdbltrp\0ssnpm\0sspm\0"
	"ssstateen\0sstc\0sstvala\0sstvecd\0ssu64xl\0supm\0smctr\0ssctr\0svadu\0svinval\0"
	"svnapot\0svpbmt\0svvptc\0";

static const char qemu_rva23s64[] =
	"i\0m\0a\0f\0d\0c\0b\0v\0h\0zic64b\0zicbom\0zicbop\0zicboz\0ziccamoa\0ziccif\0"
	"zicclsm\0ziccrse\0zicond\0zicntr\0zicsr\0zifencei\0zihintntl\0zihintpause\0zihpm\0"
	"zimop\0zmmul\0za64rs\0zaamo\0zalrsc\0zawrs\0zfa\0zfhmin\0zca\0zcb\0zcd\0zcmop\0zba\0"
	"zbb\0zbs\0zkt\0zvbb\0zve32f\0zve32x\0zve64f\0zve64d\0zve64x\0zvfhmin\0zvkb\0zvkt\0"
	"shcounterenw\0sha\0shgatpa\0shtvala\0shvsatpa\0shvstvala\0shvstvecd\0smnpm\0"
	"smstateen\0ssccptr\0sscofpmf\0sscounterenw\0ssnpm\0ssstateen\0sstc\0sstvala\0"
	"sstvecd\0ssu64xl\0supm\0svade\0svinval\0svnapot\0svpbmt\0";

static struct isa_set select_isa(const char *names, u32 features)
{
	struct hw_machine machine = {.isa_names = names, .features = features};
	struct isa_set set;

	isa_select(&machine, &set);
	return set;
}

/* In a block of just the size, so that a byte too many is caught. */
static char *string_of(const struct isa_set *set)
{
	u64 size = isa_string_size(set);
	char *text = malloc(size);

	assert_non_null(text);
	assert_int_equal(isa_write_string(set, text, size), STATUS_OK);
	assert_int_equal(strlen(text) + 1, size);
	return text;
}

static void assert_isa(const char *names, u32 features, const char *expected)
{
	struct isa_set set = select_isa(names, features);
	char *text = string_of(&set);

	assert_string_equal(text, expected);
	free(text);
}

static void test_rv64_of_qemu_loses_h_and_the_counters(void **state)
{
	(void)state;
	assert_isa(qemu_rv64, RV64_FEATURES,
		   "rv64imafdc_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicntr"
		   "_zicsr_zifencei_zihintntl_zihintpause_zmmul_za64rs_zaamo_zalrsc_zawrs_zfa_zca"
		   "_zcd_zba_zbb_zbc_zbs_ssccptr_sscounterenw_sstc_sstvala_sstvecd_ssu64xl_svadu"
		   "_svvptc");
}

static void test_max_of_qemu_loses_what_needs_state_or_control(void **state)
{
	(void)state;
	assert_isa(qemu_max, ALL_FEATURES,
		   "rv64imafdcbv_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse"
		   "_zicfilp_zicntr_zicond_zicsr_zifencei_zihintntl_zihintpause_zimop_zmmul_za64rs"
		   "_zaamo_zabha_zacas_zalrsc_zama16b_zawrs_zfa_zfbfmin_zfh_zfhmin_zca_zcb_zcd_"
		   "zcmop_zba"
		   "_zbb_zbc_zbkb_zbkc_zbkx_zbs_zkn_zknd_zkne_zknh_zks_zksed_zksh_zkt_ztso_zvbb"
		   "_zvbc_zve32f_zve32x_zve64d_zve64f_zve64x_zvfbfmin_zvfbfwma_zvfh_zvfhmin_zvkb"
		   "_zvkg_zvkn_zvknc_zvkned_zvkng_zvknha_zvknhb_zvks_zvksc_zvksed_zvksg_zvksh_zvkt"
		   "_ssccptr_sscounterenw_ssnpm_sstc_sstvala_sstvecd_ssu64xl_supm_svadu_svinval"
		   "_svnapot_svpbmt_svvptc");
}

static void test_rva23s64_of_qemu_keeps_svade(void **state)
{
	(void)state;
	assert_isa(qemu_rva23s64, ALL_FEATURES & ~HW_FEATURE_SVADU,
		   "rv64imafdcbv_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse"
		   "_zicntr_zicond_zicsr_zifencei_zihintntl_zihintpause_zimop_zmmul_za64rs_zaamo"
		   "_zalrsc_zawrs_zfa_zfhmin_zca_zcb_zcd_zcmop_zba_zbb_zbs_zkt_zvbb_zve32f_zve32x"
		   "_zve64d_zve64f_zve64x_zvfhmin_zvkb_zvkt_ssccptr_sscounterenw_ssnpm_sstc_sstvala"
		   "_sstvecd_ssu64xl_supm_svade_svinval_svnapot_svpbmt");
}

static void test_masked_pointers_need_the_control_of_s_mode(void **state)
{
	(void)state;
	assert_isa("i\0m\0supm\0smnpm\0", ALL_FEATURES, "rv64im");
	assert_isa("i\0m\0supm\0ssnpm\0", ALL_FEATURES, "rv64im_ssnpm_supm");
}

static void test_nothing_for_another_level_gets_through(void **state)
{
	static const char *const never[] = {
		"h",	    "zihpm",	"zkr",	     "zk",	  "svukte",   "zicfiss",
		"zcmt",	    "zce",	"zfinx",     "zdinx",	  "zhinx",    "zhinxmin",
		"sha",	    "smaia",	"ssaia",     "sscofpmf",  "sspm",     "smnpm",
		"smmpm",    "ssdbltrp", "smstateen", "ssstateen", "sscsrind", "smcsrind",
		"ssccfg",   "ssctr",	"ssqosid",   "smcdeleg",  "sdtrig",   "smepmp",
		"smdbltrp", "shtvala",	"shgatpa",   "xtheadba",  "q",	      "p",
	};
	struct isa_set set = select_isa(qemu_max, ALL_FEATURES);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(never); i++) {
		char names[32] = {0};
		struct isa_set alone;

		strcpy(names, never[i]);
		alone = select_isa(names, ALL_FEATURES);
		assert_false(isa_has(&set, never[i]));
		assert_int_equal(isa_list_size(&alone), 0);
	}
}

static void test_an_extension_that_failed_its_probe_is_not_given(void **state)
{
	static const struct {
		u32 feature;
		const char *gone[8];
	} cases[] = {
		{HW_FEATURE_SSTC, {"sstc"}},
		{HW_FEATURE_SVPBMT, {"svpbmt"}},
		{HW_FEATURE_SVADU, {"svadu"}},
		{HW_FEATURE_ZICBOM, {"zicbom"}},
		{HW_FEATURE_ZICBOZ, {"zicboz"}},
		{HW_FEATURE_F, {"f", "d", "v", "zfa", "zfh", "zcd", "zvfh", "zve64d"}},
		{HW_FEATURE_D, {"d", "v", "zcd", "zve64d"}},
		{HW_FEATURE_V, {"v", "zvbb", "zvkt", "zve32x", "zvfhmin", "zvksh"}},
		{HW_FEATURE_SVINVAL, {"svinval"}},
		{HW_FEATURE_SVNAPOT, {"svnapot"}},
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct isa_set with = select_isa(qemu_max, ALL_FEATURES);
		struct isa_set without = select_isa(qemu_max, ALL_FEATURES & ~cases[i].feature);

		for (j = 0; j < ARRAY_SIZE(cases[i].gone) && cases[i].gone[j]; j++) {
			assert_true(isa_has(&with, cases[i].gone[j]));
			assert_false(isa_has(&without, cases[i].gone[j]));
		}
	}
}

static void test_a_feature_that_the_tree_does_not_name_is_not_given(void **state)
{
	(void)state;
	assert_isa("i\0m\0", ALL_FEATURES, "rv64im");
}

static void test_svade_is_what_svadu_is_not(void **state)
{
	static const char both[] = "i\0svade\0svadu\0", only_svadu[] = "i\0svadu\0",
			  neither[] = "i\0";

	(void)state;
	/* ADUE is set for the guest: Svade would be a lie. */
	assert_isa(both, HW_FEATURE_SVADU, "rv64i_svadu");
	assert_isa(only_svadu, HW_FEATURE_SVADU, "rv64i_svadu");
	/* Firmware holds ADUE at zero: Svade it is. */
	assert_isa(both, 0, "rv64i_svade");
	assert_isa(only_svadu, 0, "rv64i_svade");
	assert_isa(neither, 0, "rv64i");
}

static void test_promises_about_vs_mode_need_the_hosts(void **state)
{
	(void)state;
	assert_isa("i\0sstvala\0sstvecd\0", 0, "rv64i");
	assert_isa("i\0sstvala\0sstvecd\0shvstvala\0", 0, "rv64i_sstvala");
	assert_isa("i\0shvstvecd\0sstvala\0sstvecd\0", 0, "rv64i_sstvecd");
	assert_isa("i\0sstvala\0sstvecd\0sha\0", 0, "rv64i_sstvala_sstvecd");
}

static void test_order_is_canonical_whatever_the_hosts_is(void **state)
{
	(void)state;
	assert_isa("svnapot\0sstc\0zvbb\0ztso\0zkt\0zba\0zca\0zfa\0zacas\0zmmul\0zicsr\0v\0b\0"
		   "c\0d\0f\0a\0m\0i\0",
		   ALL_FEATURES,
		   "rv64imafdcbv_zicsr_zmmul_zacas_zfa_zca_zba_zkt_ztso_zvbb_sstc_svnapot");
}

/* Of two Z names, the category of the second letter decides, then the alphabet. */
static int compare_multi(const char *a, const char *b)
{
	static const char categories[] = "imafdqlcbkjtvph";
	static const char *const prefixes[] = {"z", "s"}; /* Ss, Su, Sv */
	size_t a_class = 0, b_class = 0, i;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (strncmp(a, prefixes[i], strlen(prefixes[i])) == 0)
			a_class = i;
		if (strncmp(b, prefixes[i], strlen(prefixes[i])) == 0)
			b_class = i;
	}
	if (a_class != b_class)
		return a_class < b_class ? -1 : 1;
	if (a_class == 0 && a[1] != b[1])
		return strchr(categories, a[1]) < strchr(categories, b[1]) ? -1 : 1;
	return strcmp(a, b);
}

static void test_max_comes_out_sorted(void **state)
{
	struct isa_set set = select_isa(qemu_max, ALL_FEATURES);
	char *text = string_of(&set), *previous, *name, *rest;

	(void)state;
	previous = strtok_r(text, "_", &rest);
	assert_string_equal(previous, "rv64imafdcbv");
	previous = strtok_r(NULL, "_", &rest);
	while ((name = strtok_r(NULL, "_", &rest)) != NULL) {
		assert_true(compare_multi(previous, name) < 0);
		previous = name;
	}
	free(text);
}

static void test_list_and_string_say_the_same(void **state)
{
	struct isa_set set = select_isa(qemu_max, ALL_FEATURES);
	u64 size = isa_list_size(&set);
	char *list = malloc(size), *text = string_of(&set), *rebuilt = malloc(size + 8);
	u64 offset;

	(void)state;
	assert_non_null(list);
	assert_non_null(rebuilt);
	assert_int_equal(isa_write_list(&set, list, size), STATUS_OK);
	strcpy(rebuilt, "rv64");
	for (offset = 0; offset < size; offset += strlen(list + offset) + 1) {
		assert_true(isa_has(&set, list + offset));
		if (strlen(list + offset) > 1)
			strcat(rebuilt, "_");
		strcat(rebuilt, list + offset);
	}
	assert_int_equal(offset, size);
	assert_string_equal(rebuilt, text);
	free(list);
	free(text);
	free(rebuilt);
}

static void test_a_buffer_that_is_too_small_is_left_alone(void **state)
{
	struct isa_set set = select_isa(qemu_rv64, RV64_FEATURES);
	u64 string_size = isa_string_size(&set), list_size = isa_list_size(&set), size, i;
	char *buffer = malloc(string_size + list_size);

	(void)state;
	assert_non_null(buffer);
	for (size = 0; size < string_size; size++) {
		memset(buffer, 'x', string_size);
		assert_int_equal(isa_write_string(&set, buffer, size), STATUS_INVALID);
		for (i = 0; i < string_size; i++)
			assert_int_equal(buffer[i], 'x');
	}
	for (size = 0; size < list_size; size++)
		assert_int_equal(isa_write_list(&set, buffer, size), STATUS_INVALID);
	free(buffer);
}

static void test_odd_names_of_a_host_are_dropped(void **state)
{
	(void)state;
	assert_isa("i\0zic\0zicsrx\0zicsr2p0\0\x7f\xff\0", ALL_FEATURES, "rv64i");
	assert_isa("", ALL_FEATURES, "rv64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rv64_of_qemu_loses_h_and_the_counters),
		cmocka_unit_test(test_max_of_qemu_loses_what_needs_state_or_control),
		cmocka_unit_test(test_rva23s64_of_qemu_keeps_svade),
		cmocka_unit_test(test_masked_pointers_need_the_control_of_s_mode),
		cmocka_unit_test(test_nothing_for_another_level_gets_through),
		cmocka_unit_test(test_an_extension_that_failed_its_probe_is_not_given),
		cmocka_unit_test(test_a_feature_that_the_tree_does_not_name_is_not_given),
		cmocka_unit_test(test_svade_is_what_svadu_is_not),
		cmocka_unit_test(test_promises_about_vs_mode_need_the_hosts),
		cmocka_unit_test(test_order_is_canonical_whatever_the_hosts_is),
		cmocka_unit_test(test_max_comes_out_sorted),
		cmocka_unit_test(test_list_and_string_say_the_same),
		cmocka_unit_test(test_a_buffer_that_is_too_small_is_left_alone),
		cmocka_unit_test(test_odd_names_of_a_host_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
