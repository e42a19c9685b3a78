/* What C has to lay out: every form of member that a compiler writes into DWARF. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uchar.h>

struct node;
struct inner { char c; long l; };
typedef struct { int a, b; } pair_t;
enum colour { RED, GREEN = 5, ALSO_GREEN = 5, BLUE };
enum small { SMALL_ONE, SMALL_TWO } __attribute__((packed));
enum negative { MINUS = -1, PLUS = 1 };
union value { int i; double d; char text[12]; };
struct all {
    bool flag;
    _Bool bit : 1;
    unsigned a : 3;
    unsigned : 4;
    unsigned b : 7;
    int : 0;
    signed c : 5;
    uint64_t wide : 40;
    long double extended;
    __int128 huge;
    char16_t c16;
    wchar_t w;
    int cube[2][3][4];
    char text[16];
    char texts[2][8];
    struct node *next;
    void (*function)(int);
    const char *string;
    volatile int *pointer;
    struct inner in;
    pair_t pair;
    enum colour colour;
    enum small small;
    enum negative negative;
    union value value;
    union { int x; struct { short y, z; }; };
    struct { int q; char k; } named;
    struct { int r; char s; } array[3];
    struct { } empty;
    int zero[0];
    float f;
    double d;
    float _Complex complex;
    _Bool flags[3];
    char end;
};
struct packed_one { char a; int b; short c; } __attribute__((packed));
struct packed_aligned { char a; int b; struct inner i; } __attribute__((packed, aligned(8)));
struct member_packed { char a; int b __attribute__((packed)); short c; };
struct aligned_member { char a; int b __attribute__((aligned(32))); char c; };
struct holds { char a; struct packed_aligned p; struct aligned_member m; char z; };
struct flexible { uint32_t n; struct inner items[]; };
struct flexible_text { uint32_t n; char name[]; };
struct crossing { uint8_t a : 3; uint16_t b : 9; uint32_t c : 20; uint64_t d : 33; } __attribute__((packed));
struct node { struct node *left, *right; struct all *all; int values[]; };
