// A plugin for Sluice: images come from the company's own registries, and every resource names its owner.
//
// Settings: {"registries": ["registry.example.com/"], "ownerLabel": "example.com/owner"}
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// What Sluice asks; there is more in it, which this plugin does not need.
type request struct {
	Object struct {
		Metadata struct {
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
		Spec struct {
			Image string `json:"image"`
		} `json:"spec"`
	} `json:"object"`
	Settings struct {
		Registries []string `json:"registries"`
		OwnerLabel string   `json:"ownerLabel"`
	} `json:"settings"`
}

type finding struct {
	Path    string `json:"path"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

type answer struct {
	Violations []finding `json:"violations"`
	Warnings   []finding `json:"warnings"`
}

func judge(r request) answer {
	a := answer{Violations: []finding{}, Warnings: []finding{}}
	image := r.Object.Spec.Image
	ours := image == ""
	for _, prefix := range r.Settings.Registries {
		ours = ours || strings.HasPrefix(image, prefix)
	}
	if !ours {
		a.Violations = append(a.Violations, finding{
			Path:    "spec.image",
			Code:    "registry",
			Message: fmt.Sprintf("%q is not from a registry of this company", image),
			Fix:     "use an image of " + strings.Join(r.Settings.Registries, " or "),
		})
	}
	if label := r.Settings.OwnerLabel; label != "" && r.Object.Metadata.Labels[label] == "" {
		a.Warnings = append(a.Warnings, finding{
			Path:    "metadata.labels[" + label + "]",
			Code:    "owner",
			Message: "nobody is named who owns this",
			Fix:     "add the label with the name of a team",
		})
	}
	return a
}

func main() {
	var r request
	if err := json.NewDecoder(os.Stdin).Decode(&r); err != nil {
		fmt.Fprintln(os.Stderr, "the request cannot be read:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(judge(r)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
