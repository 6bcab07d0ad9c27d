# Judges the tokens on standard input, a line each, by the function of docs/tokens.md, which stands above.
import sys

for line in sys.stdin:
    try:
        print("accepted", person(line.strip())["preferred_username"])
    except jwt.PyJWTError as error:
        print("refused", error)
