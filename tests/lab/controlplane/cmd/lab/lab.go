package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Every lab has a loopback address of its own, so the ports can be the same in all of them.
const (
	etcdPort, peerPort  = "2379", "2380"
	apiPort             = "6443"
	acmePort, adminPort = "14000", "15000"
	dnsPort, managePort = "53", "8055"
	upstreamPort        = "8053"
	challengePort       = "5002"
	lockPort            = "7"
	httpPort, httpsPort = "80", "443"
	webhookPort         = "10250"
)

// lab is one running cluster.
type lab struct {
	options
	address  string
	tokens   map[string]string
	children map[string]*child
	failed   func(error)
	lock     net.Listener
	front    *front
	dns      *nameserver
	solver   *solver
	cluster  *cluster
	caPEM    []byte
	acmePEM  []byte
	began    time.Time
	closing  sync.Once
}

// newLab takes an address and makes the folder; failed hears of a part that ended by itself.
func newLab(o options, failed func(error)) (*lab, error) {
	l := &lab{options: o, tokens: map[string]string{}, children: map[string]*child{}, failed: failed, began: time.Now()}
	for _, dir := range []string{"logs", "pki", "etcd"} {
		if err := os.MkdirAll(filepath.Join(l.dir, dir), 0o700); err != nil {
			return nil, err
		}
	}
	if old, _ := os.ReadDir(filepath.Join(l.dir, "etcd")); len(old) > 0 {
		return nil, fmt.Errorf("%s holds the data of an earlier lab: give an empty folder", l.dir)
	}
	return l, l.takeAddress()
}

// takeAddress picks a free 127.64.0.0/10 address and holds it by listening on a port there that nothing else uses.
func (l *lab) takeAddress() error {
	var err error
	for range 50 {
		var b [3]byte
		_, _ = rand.Read(b[:])
		address := fmt.Sprintf("127.%d.%d.%d", 64+b[0]%64, b[1], 1+b[2]%254)
		if l.lock, err = net.Listen("tcp4", net.JoinHostPort(address, lockPort)); err == nil {
			l.address = address
			return nil
		}
	}
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("ports below 1024 are not allowed here (%w): HTTP-01 needs port 80, so run as root or set net.ipv4.ip_unprivileged_port_start=0", err)
	}
	return fmt.Errorf("no free loopback address: %w", err)
}

func (l *lab) at(port string) string { return net.JoinHostPort(l.address, port) }

func (l *lab) path(parts ...string) string {
	return filepath.Join(append([]string{l.dir}, parts...)...)
}

// start brings everything up; the parts that need each other in order, the rest at the same time.
func (l *lab) start(ctx context.Context) error {
	if err := l.writeKeys(); err != nil {
		return err
	}
	side := make(chan error, 1)
	go func() { side <- l.startACME(ctx) }()
	if err := l.startControlPlane(ctx); err != nil {
		return err
	}
	if err := <-side; err != nil {
		return err
	}
	l.solver = newSolver(l.cluster, "http://"+l.at(managePort))
	if err := l.solver.mode(l.options.solver); err != nil {
		return err
	}
	go l.solver.watch()
	if l.webhook {
		if err := l.startWebhook(ctx); err != nil {
			return err
		}
	}
	if l.issuers {
		if err := l.cluster.applyIssuers(ctx, l); err != nil {
			return err
		}
	}
	if l.controllers != "none" {
		if err := l.startControllers(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) startControlPlane(ctx context.Context) error {
	client, peer := "http://"+l.at(etcdPort), "http://"+l.at(peerPort)
	etcd := l.child("etcd", "--name=lab", "--data-dir="+l.path("etcd"), "--log-level=warn", "--unsafe-no-fsync",
		"--quota-backend-bytes=8589934592", "--snapshot-count=100000",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=lab="+peer)
	if err := etcd.start(l.failed); err != nil {
		return err
	}
	if err := l.answers(ctx, "etcd", client+"/health"); err != nil {
		return err
	}
	args := []string{
		"--etcd-servers=" + client, "--bind-address=" + l.address, "--secure-port=" + apiPort,
		"--advertise-address=" + l.address, "--endpoint-reconciler-type=none",
		"--tls-cert-file=" + l.path("pki", "apiserver.crt"), "--tls-private-key-file=" + l.path("pki", "apiserver.key"),
		"--client-ca-file=" + l.path("pki", "cluster-ca.crt"),
		"--service-account-key-file=" + l.path("pki", "service-accounts.key"),
		"--service-account-signing-key-file=" + l.path("pki", "service-accounts.key"),
		"--service-account-issuer=https://kubernetes.default.svc", "--api-audiences=https://kubernetes.default.svc",
		"--token-auth-file=" + l.path("pki", "tokens.csv"), "--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.96.0.0/16", "--disable-admission-plugins=ServiceAccount", "--event-ttl=24h",
	}
	if l.audit {
		args = append(args, "--audit-log-path="+l.path("logs", "audit.log"), "--audit-policy-file="+l.path("pki", "audit.yaml"))
	}
	if err := l.child("apiserver", args...).start(l.failed); err != nil {
		return err
	}
	var err error
	if l.cluster, err = connect(l); err != nil {
		return err
	}
	if err := l.cluster.prepare(ctx, l.bin); err != nil || !l.collect {
		return err
	}
	// After the CRDs, or the garbage collector would learn of them only half a minute later. Without it a second attempt
	// of a Certificate never gets an Order: the name is still taken by the first one's.
	return l.child("manager", "--kubeconfig="+l.path("kubeconfig"), "--leader-elect=false", "--secure-port=0",
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--controllers=garbage-collector-controller,namespace-controller,clusterrole-aggregation-controller").start(complain)
}

// complain is for parts without which the lab goes on.
func complain(err error) { fmt.Fprintln(os.Stderr, "lab:", err) }

func (l *lab) startACME(ctx context.Context) error {
	challenges := l.child("challtestsrv", "-http01="+l.at(challengePort), "-https01=", "-doh=",
		"-dnsserver="+l.at(upstreamPort), "-tlsalpn01="+l.at(httpsPort), "-management="+l.at(managePort),
		"-defaultIPv4="+l.address, "-defaultIPv6=")
	if err := challenges.start(l.failed); err != nil {
		return err
	}
	var err error
	if l.front, err = newFront(l.at(httpPort), "http://"+l.at(challengePort)); err != nil {
		return err
	}
	if l.dns, err = newNameserver(l.at(dnsPort), l.at(upstreamPort), l.txt); err != nil {
		return err
	}
	config := map[string]any{
		"listenAddress": l.at(acmePort), "managementListenAddress": l.at(adminPort),
		"certificate": l.path("pki", "pebble.crt"), "privateKey": l.path("pki", "pebble.key"),
		"httpPort": 80, "tlsPort": 443, "ocspResponderURL": "",
		"externalAccountBindingRequired": l.eab, "domainBlocklist": strings.FieldsFunc(l.blocked, func(r rune) bool { return r == ',' }),
		"externalAccountMACKeys": map[string]string{"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"},
		"retryAfter":             map[string]int{"authz": 1, "order": 1},
		"keyAlgorithm":           "ecdsa",
		"profiles":               map[string]any{},
	}
	for name := range strings.SplitSeq(l.profiles, ",") {
		validity := 90 * 24 * time.Hour
		if name == "shortlived" {
			validity = 6 * 24 * time.Hour
		}
		config["profiles"].(map[string]any)[name] = map[string]any{"description": name, "validityPeriod": int(validity.Seconds())}
	}
	text, err := json.MarshalIndent(map[string]any{"pebble": config}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.path("pki", "pebble.json"), text, 0o644); err != nil {
		return err
	}
	pebble := l.child("pebble", "-config="+l.path("pki", "pebble.json"), "-dnsserver="+l.at(dnsPort))
	// No waiting before a validation, no made-up bad nonces, no reuse of an authorization: a run is the same every time.
	pebble.env = []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0"}
	if err := pebble.start(l.failed); err != nil {
		return err
	}
	return errors.Join(l.listens(ctx, "pebble", acmePort), l.listens(ctx, "challtestsrv", managePort), l.listens(ctx, "challtestsrv", challengePort))
}

// txt is where the nameserver puts records that it was told in updates.
func (l *lab) txt() *solver { return &solver{manage: "http://" + l.at(managePort)} }

// startControllers runs the controllers program with the flags of `lab up`, or with others from now on.
func (l *lab) startControllers(ctx context.Context, flags []string) error {
	before := l.children["controllers"]
	c := before
	if c != nil && c.pid() != 0 {
		return errors.New("controllers is already running")
	}
	if c == nil || len(flags) > 0 {
		if len(flags) == 0 {
			flags = append([]string{"--controllers=" + l.controllers}, strings.Fields(l.backend)...)
		}
		c = l.child("controllers", append([]string{
			"--kubeconfig=" + l.path("kubeconfig"),
			"--http01-nameservers=" + l.at(dnsPort), "--dns01-nameservers=" + l.at(dnsPort),
		}, flags...)...)
	}
	// Their end is not the lab's: a test may want flags that they refuse, or an API server that is gone.
	err := c.start(complain)
	if err == nil {
		err = c.said(ctx, "controllers: running")
	}
	if err != nil && before != nil {
		l.children["controllers"] = before
	}
	return err
}

// startWebhook runs cert-manager's webhook and has the API server ask it, as cert-manager's chart does.
func (l *lab) startWebhook(ctx context.Context) error {
	webhook := l.child("webhook", "--kubeconfig="+l.path("kubeconfig"), "--listen="+l.at(webhookPort),
		"--cert="+l.path("pki", "webhook.crt"), "--key="+l.path("pki", "webhook.key"))
	if err := webhook.start(complain); err != nil {
		return err
	}
	if err := webhook.said(ctx, "webhook: serving"); err != nil {
		return err
	}
	return l.cluster.applyWebhooks(ctx, "https://"+l.at(webhookPort), l.caPEM)
}

// writeKeys makes all keys, tokens and kubeconfigs.
func (l *lab) writeKeys() error {
	clusterCA, err := newAuthority(l.path("pki"), "cluster-ca")
	if err != nil {
		return err
	}
	acmeCA, err := newAuthority(l.path("pki"), "acme-server-ca")
	if err != nil {
		return err
	}
	l.caPEM, l.acmePEM = clusterCA.pem, acmeCA.pem
	accounts, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if _, err := newAuthority(l.path("pki"), "issuing-ca"); err != nil {
		return err
	}
	return errors.Join(
		clusterCA.server("apiserver", l.address),
		clusterCA.client("admin", "admin-by-certificate", "system:masters"),
		clusterCA.server("webhook", l.address),
		acmeCA.server("pebble", l.address),
		writeKey(l.path("pki", "service-accounts.key"), accounts),
		os.WriteFile(l.path("pki", "audit.yaml"), []byte(auditPolicy), 0o644),
		l.writeUsers(),
	)
}

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
`

// answers waits until a plain HTTP URL gives 200.
func (l *lab) answers(ctx context.Context, who, url string) error {
	return until(ctx, who, func() bool {
		response, err := http.Get(url)
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

func (l *lab) listens(ctx context.Context, who, port string) error {
	return until(ctx, who, func() bool {
		conn, err := net.Dial("tcp4", l.at(port))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// close ends every child; those that need others go first.
func (l *lab) close() {
	l.closing.Do(func() {
		for _, name := range []string{"controllers", "manager", "webhook", "pebble", "challtestsrv", "apiserver", "etcd"} {
			if c := l.children[name]; c != nil {
				c.stop()
			}
		}
		_ = os.Remove(l.path("control.sock"))
		_ = l.lock.Close()
	})
}

func printJSON(out io.Writer, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		text = []byte(`{"ok":false,"error":"answer cannot be written as JSON"}`)
	}
	fmt.Fprintf(out, "%s\n", text)
}
