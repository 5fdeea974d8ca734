"""report.py TABLE REPORT: a table of words becomes a page."""
import csv
import sys

with open(sys.argv[1], newline="") as table:
    rows = [(name, int(words), int(longest)) for name, words, longest in csv.reader(table, delimiter="\t")]
with open(sys.argv[2], "w") as report:
    print("| text | words | longest word |", "| --- | --- | --- |", sep="\n", file=report)
    for name, words, longest in rows:
        print(f"| {name} | {words} | {longest} |", file=report)
    print(f"| all | {sum(row[1] for row in rows)} | {max(row[2] for row in rows)} |", file=report)
