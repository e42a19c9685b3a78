/* What the programs of these tests have in common: they print what they find, and where they are loaded. */
#ifndef LIST_H
#define LIST_H

/* Every entry of every loaded object, a line each; then the map of the process. 0 if all went well. */
int list_entries(void);

#endif
