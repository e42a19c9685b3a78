#ifndef OUTSIDE_H
#define OUTSIDE_H
struct outside {
	int before;
	int value;
};
#endif
