/* Makes a program big, so that writing it takes a while. */
__asm__("\t.pushsection .data.ballast,\"aw\"\n\t.globl ballast\nballast:\n"
	"\t.fill 6291456, 8, 0x1234567887654321\n\t.popsection\n");
