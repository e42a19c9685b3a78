/* Annotations on one line, and on a line that the file has one on, too. */
static uint64_t line_one, line_two;
TESTS_ANNOTATIONS_ANNOTATE_COUNTER(line_one, "one line"); TESTS_ANNOTATIONS_ANNOTATE_COUNTER(line_two, "two");
