package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// listener is a TCP socket that waits for connections.
type listener struct {
	address netip.AddrPort
	inode   string
}

// holder is the process that a listener belongs to.
type holder struct {
	pid     int
	command string
	cluster string // the state folder, if it is part of a cluster
}

func (h holder) String() string {
	switch {
	case h.pid == 0:
		return "another process (not visible from here)"
	case h.cluster != "":
		return fmt.Sprintf("process %d (%.60s) of the cluster in %s", h.pid, h.command, h.cluster)
	default:
		return fmt.Sprintf("process %d (%.60s)", h.pid, h.command)
	}
}

// tcpListeners reads the kernel's tables for IPv4 and IPv6.
func tcpListeners() ([]listener, error) {
	var all []listener
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // no IPv6
		}
		if err != nil {
			return nil, err
		}
		listeners, err := parseListeners(string(content))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, listeners...)
	}
	return all, nil
}

func parseListeners(table string) ([]listener, error) {
	const listening = "0A"
	var listeners []listener
	for _, line := range strings.Split(table, "\n")[1:] {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[3] != listening {
			continue
		}
		address, err := parseSocketAddress(fields[1])
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, listener{address: address, inode: fields[9]})
	}
	return listeners, nil
}

// parseSocketAddress reads "0100007F:1F90": the address in 32-bit words of the machine's byte order, here little-endian.
func parseSocketAddress(text string) (netip.AddrPort, error) {
	host, port, found := strings.Cut(text, ":")
	if !found {
		return netip.AddrPort{}, fmt.Errorf("%q is no socket address", text)
	}
	raw, err := hex.DecodeString(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	address, valid := netip.AddrFromSlice(raw)
	if !valid {
		return netip.AddrPort{}, fmt.Errorf("%q is no socket address", text)
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(address.Unmap(), uint16(number)), nil
}

// conflicts says whether binding the wanted address would fail because of this listener.
func (l listener) conflicts(wanted netip.AddrPort) bool {
	if l.address.Port() != wanted.Port() {
		return false
	}
	held := l.address.Addr()
	return held == wanted.Addr() || held.IsUnspecified()
}

func (l listener) holder() holder {
	for _, pid := range allProcesses() {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && target == "socket:["+l.inode+"]" {
				return holder{pid: pid, command: commandLine(pid), cluster: clusterOf(pid)}
			}
		}
	}
	return holder{}
}

// clusterOf is the state folder in a process's environment.
func clusterOf(pid int) string {
	environment, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	for entry := range bytes.SplitSeq(environment, []byte{0}) {
		if state, found := strings.CutPrefix(string(entry), stateMark+"="); found {
			return state
		}
	}
	return ""
}

// existingParent is the closest folder above a path that is there.
func existingParent(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == "/" {
			return path
		}
		path = filepath.Dir(path)
	}
}
