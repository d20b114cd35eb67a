// Command controllers runs cert-manager's own controllers against the lab's API server.
//
// The controllers are the published packages of the cert-manager module, unchanged; only this main is ours, because
// cert-manager's program is a Go module of its own that is not published. Any controller can be left out by name,
// which is how states like "nobody approved the request" are made. It runs no webhook, no cainjector, no leader
// election and serves no metrics.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cert-manager/cert-manager/pkg/controller"
	_ "github.com/cert-manager/cert-manager/pkg/controller/acmechallenges"
	_ "github.com/cert-manager/cert-manager/pkg/controller/acmeorders"
	gatewayshim "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/gateways"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/ingresses"
	listenersetshim "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/listenerset"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/acme"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/vault"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/venafi"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/metrics"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificatesigningrequests/acme"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificatesigningrequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificatesigningrequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificatesigningrequests/vault"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificatesigningrequests/venafi"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/acme"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/vault"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/venafi"
	logf "github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/cert-manager/cert-manager/pkg/util"
	utilfeature "github.com/cert-manager/cert-manager/pkg/util/feature"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
)

// csrPrefix starts the names of the experimental CertificateSigningRequest controllers, off unless named.
const csrPrefix = "certificatesigningrequests-"

func main() {
	var (
		opts       controller.ContextOptions
		names      = flag.String("controllers", "*", "controllers to run; -NAME leaves one out, only left-out names imply *")
		http01DNS  = flag.String("http01-nameservers", "", "host:port list that the HTTP-01 self-check asks for the address of a domain")
		dns01DNS   = flag.String("dns01-nameservers", "127.0.0.1:53", "host:port list that the DNS-01 self-check asks")
		recursive  = flag.Bool("dns01-recursive-only", true, "ask only those servers, never the zone's own")
		gates      = flag.String("feature-gates", "", "cert-manager feature gates, NAME=bool,...")
		gatewayAPI = flag.Bool("enable-gateway-api", true, "run the Gateway shim and the HTTPRoute solver")
		listeners  = flag.Bool("enable-gateway-api-listenerset", false, "run the ListenerSet shim (wants the ListenerSets gate)")
		protocols  = flag.String("gateway-api-extra-protocols", "", "listener protocols that get Certificates beside HTTPS and TLS")
		auto       = flag.String("auto-certificate-annotations", "kubernetes.io/tls-acme", "annotations that ask for the default issuer")
		extra      = flag.String("extra-certificate-annotations", "", "annotations that go from an Ingress to its Certificates")
		workers    = flag.Int("workers", 5, "workers of each controller")
		verbosity  = flag.Int("v", 2, "log verbosity")
		qps        = flag.Float64("kube-api-qps", 20, "requests a second to the API server")
		burst      = flag.Int("kube-api-burst", 50, "requests at once beyond that")
	)
	flag.StringVar(&opts.Kubeconfig, "kubeconfig", "", "kubeconfig of the API server")
	flag.StringVar(&opts.Namespace, "namespace", "", "work in one namespace only, without ClusterIssuers")
	flag.StringVar(&opts.ClusterResourceNamespace, "cluster-resource-namespace", "cert-manager", "namespace of the Secrets of ClusterIssuers")
	flag.DurationVar(&opts.DNS01CheckRetryPeriod, "dns01-check-retry-period", 10*time.Second, "pause between two self-checks, HTTP-01 ones too")
	flag.DurationVar(&opts.CertificateRequestMinimumBackoffDuration, "min-backoff", time.Hour, "first back-off after a failed request")
	flag.DurationVar(&opts.CertificateRequestMaximumBackoffDuration, "max-backoff", 32*time.Hour, "longest back-off after failed requests")
	flag.IntVar(&opts.MaxConcurrentChallenges, "max-concurrent-challenges", 60, "challenges processed at once")
	flag.StringVar(&opts.DefaultIssuerName, "default-issuer-name", "", "issuer where annotations ask for the default one")
	flag.StringVar(&opts.DefaultIssuerKind, "default-issuer-kind", "Issuer", "kind of that issuer")
	flag.StringVar(&opts.DefaultIssuerGroup, "default-issuer-group", "cert-manager.io", "group of that issuer, and of one that is named")
	flag.BoolVar(&opts.EnableOwnerRef, "enable-certificate-owner-ref", false, "make the Certificate the owner of its Secret")
	flag.Parse()

	opts.HTTP01SolverNameservers = list(*http01DNS)
	opts.DNS01Nameservers = list(*dns01DNS)
	opts.DNS01CheckAuthoritative = !*recursive
	opts.EnableGatewayAPI, opts.EnableGatewayAPIListenerSet = *gatewayAPI, *listeners
	opts.GatewayAPIExtraProtocols = sets.New(list(*protocols)...)
	opts.DefaultAutoCertificateAnnotations, opts.ExtraCertificateAnnotations = list(*auto), list(*extra)
	setDefaults(&opts)
	opts.KubernetesAPIQPS, opts.KubernetesAPIBurst = float32(*qps), *burst

	if err := run(opts, *names, *gates, *workers, *verbosity); err != nil {
		fmt.Fprintln(os.Stderr, "controllers:", err)
		os.Exit(1)
	}
}

// setDefaults fills what cert-manager's program has as defaults and no test of ours needs to change.
func setDefaults(opts *controller.ContextOptions) {
	util.AppVersion = certManagerVersion()
	opts.ClusterIssuerAmbientCredentials = true
	opts.CopiedAnnotationPrefixes = []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"}
	opts.HTTP01SolverImage = "quay.io/jetstack/cert-manager-acmesolver:" + util.AppVersion
	opts.HTTP01SolverResourceRequestCPU = resource.MustParse("10m")
	opts.HTTP01SolverResourceRequestMemory = resource.MustParse("64Mi")
	opts.HTTP01SolverResourceLimitsCPU = resource.MustParse("100m")
	opts.HTTP01SolverResourceLimitsMemory = resource.MustParse("64Mi")
	opts.ACMEHTTP01SolverRunAsNonRoot = true
}

func run(opts controller.ContextOptions, names, gates string, workers, verbosity int) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var level klog.Level
	if err := level.Set(fmt.Sprint(verbosity)); err != nil {
		return err
	}
	ctx = logf.NewContext(ctx, klog.Background(), "cert-manager", "controller")

	if gates != "" {
		if err := utilfeature.DefaultMutableFeatureGate.Set(gates); err != nil {
			return err
		}
	}
	enabled, err := choose(list(names), opts)
	if err != nil {
		return err
	}
	factory, err := controller.NewContextFactory(ctx, opts)
	if err != nil {
		return err
	}
	shared, err := factory.Build()
	if err != nil {
		return err
	}

	done := make(chan error, len(enabled))
	for _, name := range enabled {
		c, err := controller.Known()[name](factory)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		go func() { done <- c.Run(workers, ctx) }()
	}
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	if opts.EnableGatewayAPI {
		shared.GWShared.Start(ctx.Done())
	}
	fmt.Fprintln(os.Stderr, "controllers: running", strings.Join(enabled, " "))

	for range enabled {
		if err := <-done; err != nil {
			return err
		}
	}
	return nil
}

// choose turns the wish into controller names, by the rules of cert-manager's --controllers flag.
func choose(wish []string, opts controller.ContextOptions) ([]string, error) {
	known := sets.KeySet(controller.Known())
	on, off := sets.New[string](), sets.New[string]()
	all := len(wish) == 0
	for _, name := range wish {
		bare, negative := strings.CutPrefix(name, "-")
		switch {
		case name == "*":
			all = true
		case !known.Has(bare):
			return nil, fmt.Errorf("no controller %q; there are: %s", bare, strings.Join(sets.List(known), " "))
		case negative:
			off.Insert(bare)
		default:
			on.Insert(bare)
		}
	}
	if all || on.Len() == 0 {
		for name := range maps.Keys(controller.Known()) {
			optional := name == gatewayshim.ControllerName || name == listenersetshim.ControllerName
			if !optional && !strings.HasPrefix(name, csrPrefix) {
				on.Insert(name)
			}
		}
		if opts.EnableGatewayAPI {
			on.Insert(gatewayshim.ControllerName)
		}
		if opts.EnableGatewayAPI && opts.EnableGatewayAPIListenerSet {
			on.Insert(listenersetshim.ControllerName)
		}
	}
	if opts.Namespace != "" {
		off.Insert("clusterissuers")
	}
	return sets.List(on.Difference(off)), nil
}

// certManagerVersion reads the version of the cert-manager module from this binary, so that it is written only in go.mod.
func certManagerVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		if i := slices.IndexFunc(info.Deps, func(m *debug.Module) bool { return m.Path == "github.com/cert-manager/cert-manager" }); i >= 0 {
			return info.Deps[i].Version
		}
	}
	return "unknown"
}

func list(s string) []string {
	return slices.DeleteFunc(strings.Split(s, ","), func(item string) bool { return item == "" })
}
