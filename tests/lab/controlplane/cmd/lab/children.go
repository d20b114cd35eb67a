package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// child is one program of the lab, which can be stopped and started again.
type child struct {
	name string
	path string
	args []string
	env  []string
	log  string

	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   chan struct{}
	wanted  bool
	logFrom int64
}

// spawner starts every child from one operating-system thread that never ends: the kernel sends the parent-death
// signal when the starting *thread* ends, and Go's other threads come and go.
var spawner = make(chan func())

func init() {
	go func() {
		runtime.LockOSThread()
		for job := range spawner {
			job()
		}
	}()
}

// start runs the program with its output appended to its log; failed hears of an end that nobody asked for.
func (c *child) start(failed func(error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd != nil {
		return fmt.Errorf("%s is already running", c.name)
	}
	out, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	if info, err := out.Stat(); err == nil {
		c.logFrom = info.Size()
	}
	cmd := exec.Command(c.path, c.args...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	spawner <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	c.cmd, c.ended, c.wanted = cmd, make(chan struct{}), true
	go func() {
		err := cmd.Wait()
		c.mu.Lock()
		wanted, ended := c.wanted, c.ended
		c.cmd = nil
		c.mu.Unlock()
		close(ended)
		if wanted {
			failed(fmt.Errorf("%s ended by itself (%v); its log %s ends:\n%s", c.name, err, c.log, tail(c.log)))
		}
	}()
	return nil
}

// stop kills the program and waits for its end. Nothing in a lab is worth a graceful end, which takes seconds.
func (c *child) stop() {
	c.mu.Lock()
	cmd, ended := c.cmd, c.ended
	c.wanted = false
	c.mu.Unlock()
	if cmd != nil {
		_ = cmd.Process.Kill()
		<-ended
	}
}

func (c *child) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd == nil {
		return 0
	}
	return c.cmd.Process.Pid
}

// said waits until the log of this run holds the words, or the program ended without saying them.
func (c *child) said(ctx context.Context, words string) error {
	found := false
	err := until(ctx, fmt.Sprintf("%s to say %q", c.name, words), func() bool {
		alive := c.pid() != 0
		text, err := os.ReadFile(c.log)
		found = err == nil && int64(len(text)) >= c.logFrom && bytes.Contains(text[c.logFrom:], []byte(words))
		return found || !alive
	})
	if err == nil && !found {
		return fmt.Errorf("%s ended at once; its log ends:\n%s", c.name, tail(c.log))
	}
	return err
}

// until polls a condition every 20 ms for at most 60 s.
func until(ctx context.Context, what string, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", what, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if len(text) > 2000 {
		text = text[len(text)-2000:]
	}
	return string(text)
}

// programs whose file is named otherwise than the part of the lab.
var programs = map[string]string{
	"apiserver": "kube-apiserver", "manager": "kube-controller-manager", "challtestsrv": "pebble-challtestsrv",
}

func (l *lab) child(name string, args ...string) *child {
	program := name
	if other, ok := programs[name]; ok {
		program = other
	}
	c := &child{name: name, path: filepath.Join(l.bin, program), args: args, log: filepath.Join(l.dir, "logs", name+".log")}
	l.children[name] = c
	return c
}
