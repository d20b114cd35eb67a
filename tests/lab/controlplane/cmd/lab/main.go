// Command lab runs a whole cert-manager cluster on one loopback address, for tests.
//
// It starts etcd, kube-apiserver, Pebble with its challenge server and the cert-manager controllers as children, plays
// the part of the HTTP-01 solver itself, prints one JSON line when all of it is ready, and then obeys one command per
// line on standard input. When standard input closes, or on SIGTERM or SIGINT, it ends every child and exits: a test
// that is killed leaves nothing behind. It never listens outside 127.0.0.0/8 and never contacts anything there is not.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const usage = `usage:
  lab up --dir D [flags]      start a lab and stay until standard input closes (flags: lab up --help)
  lab do --dir D COMMAND...   send one command to a running lab and print its answer
commands:
  controllers stop | controllers start [FLAGS]      FLAGS of the controllers program; none: those of the last start
  etcd|apiserver|manager|webhook|pebble|challtestsrv stop | start
                                                    Pebble forgets its accounts when it ends
  solver on | off | wrong-body                      what the solver helper registers for each HTTP-01 challenge
  front pass | wrong-body | status:CODE | redirect:URL | hang [self-check|ca|all]
                                                    what port 80 does, to cert-manager's self-check, to the CA or to all
  dns pass | servfail | silent | refuse-updates | ignore-updates
                                                    what port 53 does; updates are those of the rfc2136 solver
  grant USER NAMESPACE|'*' [CLUSTERROLE]            bind a role (lab:chain-reader) in one namespace or everywhere
  issuers                                           apply the standard ClusterIssuers
  status | quit
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	switch args[0] {
	case "up":
		return up(args[1:])
	case "do":
		return do(args[1:])
	default:
		return errors.New(usage)
	}
}

// options are the flags of `lab up`.
type options struct {
	dir         string
	bin         string
	controllers string
	solver      string
	audit       bool
	issuers     bool
	webhook     bool
	detached    bool
	blocked     string
	eab         bool
	backend     string
	profiles    string
	collect     bool
}

func up(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var o options
	flags := flag.NewFlagSet("lab up", flag.ContinueOnError)
	flags.StringVar(&o.dir, "dir", "", "folder for data, logs, keys and kubeconfigs (made if missing)")
	flags.StringVar(&o.bin, "bin", filepath.Dir(self), "folder of the lab's programs")
	flags.StringVar(&o.controllers, "controllers", "*", "cert-manager controllers to run (none: run no controllers program)")
	flags.StringVar(&o.backend, "controllers-flags", "--dns01-check-retry-period=1s", "further flags of the controllers program, by spaces")
	flags.StringVar(&o.solver, "solver", "on", "HTTP-01 solver helper: on, off or wrong-body")
	flags.BoolVar(&o.audit, "audit", false, "write the API server's audit log (metadata of every request)")
	flags.BoolVar(&o.issuers, "issuers", false, "apply the standard ClusterIssuers at once")
	flags.BoolVar(&o.webhook, "webhook", false, "run cert-manager's admission webhook")
	flags.BoolVar(&o.detached, "detached", false, "do not end when standard input closes")
	flags.StringVar(&o.blocked, "blocked-domains", "blocked-domain.example", "domains that Pebble refuses, by commas")
	flags.BoolVar(&o.collect, "garbage-collector", true, "run the garbage collector, namespace and role aggregation controllers of Kubernetes")
	flags.StringVar(&o.profiles, "profiles", "default", "profiles that Pebble offers, by commas; of several it picks one at random for an order that names none; shortlived lasts 6 days, others 90")
	flags.BoolVar(&o.eab, "eab", false, "Pebble wants external account binding (key id kid-1)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.dir == "" {
		return errors.New("--dir is missing")
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, fail := context.WithCancelCause(ctx)
	l, err := newLab(o, func(err error) { fail(partFailure{err}) })
	if err != nil {
		return err
	}
	defer l.close()
	lines := make(chan request)
	if !o.detached {
		// Before the start, so that a caller who goes away during it ends the lab too.
		go func() {
			readLines(os.Stdin, lines, os.Stdout)
			stop()
		}()
	}
	if err := l.start(ctx); err != nil {
		return ending(ctx, err)
	}
	if err := l.listen(lines); err != nil {
		return err
	}
	printJSON(os.Stdout, l.ready())
	for {
		select {
		case <-ctx.Done():
			return ending(ctx, nil)
		case r := <-lines:
			if strings.TrimSpace(r.line) == "quit" {
				printJSON(r.out, reply{OK: true})
				return nil
			}
			printJSON(r.out, l.obey(ctx, r.line))
			close(r.done)
		}
	}
}

// partFailure is the end of a part without which the lab is nothing.
type partFailure struct{ error }

// ending tells why the lab ends: nothing to complain of when someone asked for it, else the part that failed or err.
func ending(ctx context.Context, err error) error {
	var part partFailure
	switch {
	case errors.As(context.Cause(ctx), &part):
		return part
	case ctx.Err() != nil:
		return nil
	default:
		return err
	}
}

// request is one command line and where its answer goes.
type request struct {
	line string
	out  io.Writer
	done chan struct{}
}

// readLines hands over command lines one by one, each after the answer to the one before.
func readLines(in io.Reader, lines chan<- request, out io.Writer) {
	scanner := bufio.NewScanner(in)
	for scanner.Scan() {
		r := request{scanner.Text(), out, make(chan struct{})}
		lines <- r
		<-r.done
	}
}

// listen takes commands on the control socket too, for labs that run by hand.
func (l *lab) listen(lines chan<- request) error {
	path := filepath.Join(l.dir, "control.sock")
	_ = os.Remove(path)
	socket, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := socket.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				readLines(conn, lines, conn)
			}()
		}
	}()
	return nil
}

// do is the other end of the control socket.
func do(args []string) error {
	flags := flag.NewFlagSet("lab do", flag.ContinueOnError)
	dir := flags.String("dir", "", "folder of the running lab")
	if err := flags.Parse(args); err != nil {
		return err
	}
	conn, err := net.DialTimeout("unix", filepath.Join(*dir, "control.sock"), 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprintln(conn, strings.Join(flags.Args(), " ")); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	fmt.Print(answer)
	if !strings.Contains(answer, `"ok":true`) {
		os.Exit(1)
	}
	return nil
}
