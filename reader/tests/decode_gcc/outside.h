/* What a schema captures: it cannot know any of these numbers. */
#ifndef OUTSIDE_H
#define OUTSIDE_H

#define LIMIT 4u
#define HAVE_MIDDLE 1

enum mood { good = 7, bad = -2 };

struct outside {
	int values[5];
	char padding[3];
	enum mood mood;
	unsigned long long middle;
	struct { char inside[3]; } lock;
	unsigned short last;
};

#endif
