// Command webhook serves cert-manager's own admission webhook on one loopback address.
//
// cert-manager's webhook is an internal package and its program a module of its own that is not published. Go lets a
// module import internal packages of another if its path lies below the other's; that is why this module is called as
// it is. The plugins, their order and the types are cert-manager's; only the listening is ours, for its own server
// listens on all interfaces.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	config "github.com/cert-manager/cert-manager/internal/apis/config/webhook"
	cmwebhook "github.com/cert-manager/cert-manager/internal/webhook"
	"github.com/cert-manager/cert-manager/pkg/webhook/admission"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "webhook:", err)
		os.Exit(1)
	}
}

func run() error {
	// Packages of the API server put flags of their own among the global ones.
	flags := flag.NewFlagSet("webhook", flag.ExitOnError)
	listen := flags.String("listen", "", "address and port, within 127.0.0.0/8")
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server, which says who may approve")
	cert := flags.String("cert", "", "PEM certificate to serve with")
	key := flags.String("key", "", "its key")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(*listen)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%s is not a loopback address", host)
	}
	ctrllog.SetLogger(logr.Discard())
	server, err := cmwebhook.NewCertManagerWebhookServer(logr.Discard(), config.WebhookConfiguration{KubeConfig: *kubeconfig})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/mutate", admission.NewCustomMutationWebhook(server.MutationWebhook))
	mux.Handle("/validate", admission.NewCustomValidationWebhook(server.ResourceScheme, server.ValidationWebhook))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	https := &http.Server{Addr: *listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	listener, err := net.Listen("tcp4", *listen)
	if err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		_ = https.Close()
	}()
	fmt.Fprintln(os.Stderr, "webhook: serving")
	if err := https.ServeTLS(listener, *cert, *key); err != http.ErrServerClosed {
		return err
	}
	return nil
}
