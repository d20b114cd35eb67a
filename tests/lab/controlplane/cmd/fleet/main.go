// Command fleet makes large numbers of certificate chains, in an API server or in a file, for tests of speed and size.
//
// The objects look as the real controllers leave them: names from cert-manager's own functions, real requests and
// certificates (one key for all), owner UIDs, annotations, conditions and reasons. Run it on a lab without controllers:
// real ones would start to work on thousands of chains.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// Shapes of a chain.
const (
	shapePending = "pending" // ACME, the HTTP-01 self-check fails: Certificate, CertificateRequest, Order, Challenge
	shapeReady   = "ready"   // ACME, issued: Certificate, Secret, CertificateRequest, valid Order
	shapeQuiet   = "quiet"   // CA, issued: Certificate, Secret, CertificateRequest
)

func main() {
	var (
		f           = fleet{}
		kubeconfig  = flag.String("kubeconfig", "", "API server to fill")
		out         = flag.String("out", "", "write a JSON List to this file instead")
		count       = flag.Int("count", 3000, "chains")
		parallelism = flag.Int("parallel", 32, "chains made at the same time")
	)
	flag.StringVar(&f.namespace, "namespace", "fleet", "namespace, made if missing; with --spread a prefix")
	flag.StringVar(&f.prefix, "name-prefix", "app", "start of the Certificates' names: app-00000 and so on")
	flag.StringVar(&f.shape, "shape", shapePending, "pending, quiet or ready")
	flag.IntVar(&f.spread, "spread", 1, "namespaces over which the chains are spread")
	flag.StringVar(&f.only, "only", "", "certificates: make the Certificates alone, with their status")
	flag.IntVar(&f.events, "events", 0, "Events of each Certificate")
	flag.BoolVar(&f.keys, "key-secrets", true, "for pending chains: the Secret with the key of the request, too")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, &f, *kubeconfig, *out, *count, *parallelism); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, f *fleet, kubeconfig, out string, count, parallelism int) error {
	switch {
	case f.shape != shapePending && f.shape != shapeReady && f.shape != shapeQuiet:
		return fmt.Errorf("no shape %q: pending, quiet or ready", f.shape)
	case f.only != "" && f.only != "certificates":
		return fmt.Errorf("--only takes certificates, not %q", f.only)
	case (kubeconfig == "") == (out == ""):
		return errors.New("give --kubeconfig or --out, one of them")
	}
	began := time.Now()
	f.now = began.Truncate(time.Second)
	if err := f.prepare(); err != nil {
		return err
	}
	var to sink
	if out != "" {
		file, err := newFile(out, f.now)
		if err != nil {
			return err
		}
		to = file
	} else {
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			return err
		}
		if to, err = newServer(config); err != nil {
			return err
		}
	}
	if err := f.surroundings(ctx, to); err != nil {
		return err
	}
	if out != "" {
		parallelism = 1 // a file has an order: the same flags give the same sequence
	}
	if err := each(count, parallelism, func(i int) error { return f.chain(ctx, to, i) }); err != nil {
		return err
	}
	objects, err := to.close()
	fmt.Fprintf(os.Stderr, "fleet: %d chains, %d objects in %.1f s\n", count, objects, time.Since(began).Seconds())
	return err
}

// each runs the work for 0..count on some goroutines and stops at the first error.
func each(count, parallelism int, work func(int) error) error {
	var next atomic.Int64
	var wait sync.WaitGroup
	failures := make(chan error, parallelism)
	for range parallelism {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				if err := work(i); err != nil {
					failures <- fmt.Errorf("chain %d: %w", i, err)
					next.Store(int64(count))
					return
				}
			}
		})
	}
	wait.Wait()
	close(failures)
	return <-failures
}
