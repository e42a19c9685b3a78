/* Annotations of every form that the schema's header offers, as C and as C++. */
#include "tests_forms.inspect.h"

static struct tests_forms_scalars one;
static struct tests_forms_scalars per_node[2];
static uint64_t number;
static char banner[] = "linux";
static tests_kinds_shade state;

TESTS_FORMS_ANNOTATE_SCALARS(one, "one");
TESTS_FORMS_ANNOTATE_SCALARS(per_node[1], "second");
TESTS_FORMS_ANNOTATE_NUMBER(number, "number");
TESTS_FORMS_ANNOTATE_BANNER(banner, "banner");
TESTS_FORMS_ANNOTATE_STATE(state, "state");

int annotated(void);

int annotated(void)
{
	static uint64_t local;
	TESTS_FORMS_ANNOTATE_NUMBER(local, "local");

#ifdef WRONG
	static uint32_t narrow;
	TESTS_FORMS_ANNOTATE_NUMBER(narrow, "narrow");
#endif
	return (int)(local + number + one.a + per_node[0].a + (unsigned char)banner[0] + state);
}
