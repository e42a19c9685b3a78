/* What the parts of the program give each other: numbers whose sum main knows. */
#ifndef PARTS_H
#define PARTS_H

int second_object(void);
int third_object(void);
int first_archive(void);
int second_archive(void);
int shared_part(void);

#endif
