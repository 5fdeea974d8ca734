#include "count.h"

int main(int argc, char **argv) {
    for (int at = 1; at < argc; at++) {
        FILE *text = fopen(argv[at], "r");
        if (text == NULL) {
            perror(argv[at]);
            return 1;
        }
        struct count count = count_words(text);
        printf("%s\t%ld\t%ld\n", argv[at], count.words, count.longest);
        fclose(text);
    }
    return 0;
}
