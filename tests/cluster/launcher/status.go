package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// status prints what runs and says whether all of it does.
func status(l layout, b binaries, out io.Writer) bool {
	complete := true
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, c := range components(l, b) {
		if pid := running(l, c.name); pid != 0 {
			fmt.Fprintf(table, "%s\trunning\tprocess %d\t%s\n", c.name, pid, l.log(c.name))
		} else {
			complete = false
			fmt.Fprintf(table, "%s\tnot running\t\t\n", c.name)
		}
	}
	row := func(name string, ok bool, yes, no string) {
		complete = complete && ok
		if ok {
			no = yes
		}
		fmt.Fprintf(table, "%s\t%s\t\t\n", name, no)
	}
	client, err := newAPI(l)
	var node nodeState
	if err == nil {
		node = client.node()
	}
	row("API", err == nil && client.ready(), "ready at "+apiURL, "not ready")
	row("node "+nodeName, node.ready && node.schedulable, "Ready", "not Ready")
	_ = table.Flush()
	return complete
}
