// Reads matcher lists by Alertmanager's own code. Each line of standard input is a text and values, each line of
// standard output says what each of its parsers makes of the text, and on which of the values each matcher holds.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"log/slog"
	"os"

	"github.com/prometheus/alertmanager/matcher/compat"
)

type question struct {
	Text   string   `json:"text"`
	Values []string `json:"values"`
}

type matcher struct {
	Name  string `json:"name"`
	Sign  string `json:"sign"`
	Value string `json:"value"`
	Holds []bool `json:"holds"`
}

// What a parser makes of a text; an error where it refuses it.
type reading struct {
	Error    string    `json:"error"`
	Matchers []matcher `json:"matchers"`
}

func read(parse compat.ParseMatchers, asked question) reading {
	found, err := parse(asked.Text, "standard input")
	if err != nil {
		return reading{Error: err.Error()}
	}
	told := reading{Matchers: []matcher{}}
	for _, one := range found {
		holds := []bool{}
		for _, value := range asked.Values {
			holds = append(holds, one.Matches(value))
		}
		told.Matchers = append(told.Matchers, matcher{one.Name, one.Type.String(), one.Value, holds})
	}
	return told
}

func main() {
	quiet := slog.New(slog.DiscardHandler)
	parsers := map[string]compat.ParseMatchers{
		"classic": compat.ClassicMatchersParser(quiet),
		"utf8":    compat.UTF8MatchersParser(quiet),
		"default": compat.FallbackMatchersParser(quiet),
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	answers := json.NewEncoder(out)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		told := map[string]reading{}
		for name, parse := range parsers {
			told[name] = read(parse, asked)
		}
		if err := answers.Encode(told); err != nil {
			log.Fatal(err)
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}
