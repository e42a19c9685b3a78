/* More sections than a symbol can number by itself. */
__asm__("\t.altmacro\n"
	"\t.macro one_section number\n"
	"\t.pushsection .data.many.\\number,\"aw\",%progbits\n"
	"\t.byte 1\n"
	"\t.popsection\n"
	"\t.endm\n"
	"\t.set count, 0\n"
	"\t.rept 65300\n"
	"\tone_section %count\n"
	"\t.set count, count + 1\n"
	"\t.endr\n");
