package main

import "fmt"

// problem is an error with its way out, for a person at a terminal.
type problem struct{ what, fix string }

func (p problem) Error() string { return p.what + "\n  fix: " + p.fix }

// failf says what is wrong and, by a format, what to do about it.
func failf(what, fix string, args ...any) error {
	return problem{what: what, fix: fmt.Sprintf(fix, args...)}
}
