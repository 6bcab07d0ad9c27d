// Judges the tokens on standard input, a line each, by the function of docs/tokens.md, which stands in verify.go.
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/MicahParks/keyfunc/v3"
)

func main() {
	keys, err := keyfunc.NewDefault([]string{lab + "/.well-known/jwks.json"})
	if err != nil {
		panic(err)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if claims, err := person(lines.Text(), keys); err == nil {
			fmt.Println("accepted", claims["preferred_username"])
		} else {
			fmt.Printf("refused %q\n", err)
		}
	}
}
