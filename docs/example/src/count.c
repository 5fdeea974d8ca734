#include "count.h"

#include <ctype.h>

struct count count_words(FILE *text) {
    struct count count = {0, 0};
    long letters = 0;
    for (int c = 0; c != EOF;) {
        c = getc(text);
        if (c != EOF && isalpha(c)) {
            count.words += letters == 0;
            letters++;
        } else {
            letters = 0;
        }
        if (letters > count.longest) count.longest = letters;
    }
    return count;
}
