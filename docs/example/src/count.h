/* Words of a text. */
#include <stdio.h>

struct count {
    long words;
    long longest; /* letters of the longest word */
};

struct count count_words(FILE *text);
