package main

// Files in, tables and JSON out.

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// encoded makes the values of environment variables, which are bytes in the CRI, base64, as protobuf's JSON has bytes.
func encoded(value any) {
	fields, ok := value.(map[string]any)
	if !ok {
		return
	}
	list, _ := fields["envs"].([]any)
	for _, item := range list {
		if pair, ok := item.(map[string]any); ok {
			if text, ok := pair["value"].(string); ok {
				pair["value"] = base64.StdEncoding.EncodeToString([]byte(text))
			}
		}
	}
}

// read fills message from a JSON file with the field names of the CRI's protocol buffers.
func read(file string, message proto.Message) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return fmt.Errorf("load %s: %w", file, err)
	}
	encoded(value)
	if text, err = json.Marshal(value); err != nil {
		return err
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, message); err != nil {
		return fmt.Errorf("load %s: %w", file, err)
	}
	return nil
}

// plain is a message as JSON values, all fields of it.
func plain(message proto.Message) (any, error) {
	text, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(message)
	if err != nil {
		return nil, err
	}
	var value any
	return value, json.Unmarshal(text, &value)
}

func printJSON(value any) error {
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(value)
}

func printMessage(message proto.Message) error {
	value, err := plain(message)
	if err != nil {
		return err
	}
	return printJSON(value)
}

// printStatus prints a status and the runtime's additional words on it, which may be JSON themselves.
func printStatus(status proto.Message, info map[string]string) error {
	value, err := plain(status)
	if err != nil {
		return err
	}
	all := map[string]any{"status": value}
	for name, text := range info {
		var inner any
		if json.Unmarshal([]byte(text), &inner) != nil {
			inner = text
		}
		if name != "info" {
			inner = map[string]any{name: inner}
		}
		all["info"] = merged(all["info"], inner)
	}
	return printJSON(all)
}

func merged(one, other any) any {
	first, ok := one.(map[string]any)
	second, also := other.(map[string]any)
	if !ok || !also {
		return other
	}
	for name, value := range second {
		first[name] = value
	}
	return first
}

// listing is what lists have in common: how they are printed and what is left out.
type listing struct {
	quiet       boolean
	output      text
	name, state string
}

func (l *listing) declare(flags *flag.FlagSet) {
	both(flags, &l.quiet, "quiet", "q")
	both(flags, &l.output, "output", "o")
	flags.StringVar(&l.name, "name", "", "")
	flags.StringVar(&l.state, "state", "", "")
	flags.StringVar(&l.state, "s", "", "")
}

func (l *listing) wants(name string) bool { return strings.Contains(name, l.name) }

// print prints the answer as JSON, or the rows (the first being the head) as a table or, if quiet, as whole ids.
func (l *listing) print(answer proto.Message, rows func() [][]string) error {
	if l.output == "json" {
		return printMessage(answer)
	}
	for i, row := range rows() {
		if l.quiet && i > 0 {
			fmt.Println(row[0])
		}
	}
	if !l.quiet {
		table(rows())
	}
	return nil
}

func table(rows [][]string) {
	out := tabwriter.NewWriter(os.Stdout, 20, 1, 3, ' ', 0)
	for i, row := range rows {
		if i > 0 {
			row[0] = short(row[0])
		}
		fmt.Fprintln(out, strings.Join(row, "\t"))
	}
	out.Flush()
}

// short is an id as tables show it.
func short(id string) string {
	if _, digest, has := strings.Cut(id, "sha256:"); has {
		id = digest
	}
	if len(id) > 13 && strings.Trim(id, "0123456789abcdef") == "" {
		return id[:13]
	}
	return id
}

func upper(word string) string { return strings.ToUpper(word) }

// title makes "Running" of CONTAINER_RUNNING.
func title(state string) string {
	word := strings.TrimPrefix(state, "CONTAINER_")
	return word[:1] + strings.ToLower(word[1:])
}

func ago(nanoseconds int64) string {
	passed := time.Since(time.Unix(0, nanoseconds))
	switch {
	case passed < time.Minute:
		return fmt.Sprintf("%d seconds ago", int(passed.Seconds()))
	case passed < time.Hour:
		return fmt.Sprintf("%d minutes ago", int(passed.Minutes()))
	default:
		return fmt.Sprintf("%d hours ago", int(passed.Hours()))
	}
}

func selector(label string) map[string]string {
	name, value, has := strings.Cut(label, "=")
	if !has {
		return nil
	}
	return map[string]string{name: value}
}

// size is a number of bytes as a table shows it.
func size(bytes uint64) string {
	value, units := float64(bytes), []string{"B", "kB", "MB", "GB", "TB"}
	for value >= 1000 && len(units) > 1 {
		value, units = value/1000, units[1:]
	}
	return fmt.Sprintf("%.4g%s", value, units[0])
}
