package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// reply answers one command.
type reply struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// readyLine is the first line of output and the answer to `status`.
type readyLine struct {
	OK          bool              `json:"ok"`
	Event       string            `json:"event"`
	Dir         string            `json:"dir"`
	PID         int               `json:"pid"`
	Seconds     float64           `json:"seconds"`
	Address     string            `json:"address"`
	Server      string            `json:"server"`
	CAFile      string            `json:"ca_file"`
	CAKeyFile   string            `json:"ca_key_file"`
	Kubeconfig  string            `json:"kubeconfig"`
	Kubeconfigs map[string]string `json:"kubeconfigs"`
	Tokens      map[string]string `json:"tokens"`
	ClientCert  string            `json:"client_cert"`
	ClientKey   string            `json:"client_key"`
	Bin         string            `json:"bin"`
	Logs        string            `json:"logs"`
	AuditLog    string            `json:"audit_log,omitempty"`
	ControlSock string            `json:"control_socket"`
	ACME        acmeLine          `json:"acme"`
	Challenges  challengesLine    `json:"challtestsrv"`
	PIDs        map[string]int    `json:"pids"`
}

type acmeLine struct {
	Directory  string `json:"directory"`
	Management string `json:"management"`
	CAFile     string `json:"ca_file"`
	CABundle   string `json:"ca_bundle"`
}

type challengesLine struct {
	Management string `json:"management"`
	DNS        string `json:"dns"`
	HTTP       string `json:"http"`
	TSIGName   string `json:"tsig_name"`
	TSIGSecret string `json:"tsig_secret"`
}

func (l *lab) ready() readyLine {
	line := readyLine{
		OK: true, Event: "ready", Dir: l.dir, PID: os.Getpid(), Seconds: time.Since(l.began).Seconds(),
		Address: l.address, Server: "https://" + l.at(apiPort),
		CAFile: l.path("pki", "cluster-ca.crt"), CAKeyFile: l.path("pki", "cluster-ca.key"),
		Kubeconfig: l.path("kubeconfig"), Kubeconfigs: map[string]string{"admin-cert": l.path("kubeconfig-admin-cert")},
		Tokens: l.tokens, ClientCert: l.path("pki", "admin.crt"), ClientKey: l.path("pki", "admin.key"),
		Bin: l.bin, Logs: l.path("logs"), ControlSock: l.path("control.sock"),
		ACME: acmeLine{
			Directory: "https://" + l.at(acmePort) + "/dir", Management: "https://" + l.at(adminPort),
			CAFile: l.path("pki", "acme-server-ca.crt"), CABundle: base64.StdEncoding.EncodeToString(l.acmePEM),
		},
		Challenges: challengesLine{Management: "http://" + l.at(managePort), DNS: l.at(dnsPort), HTTP: l.at(httpPort), TSIGName: tsigName, TSIGSecret: tsigSecret},
		PIDs:       map[string]int{},
	}
	if l.audit {
		line.AuditLog = l.path("logs", "audit.log")
	}
	for _, user := range users {
		line.Kubeconfigs[user.name] = l.path("kubeconfig-" + user.name)
	}
	for name, c := range l.children {
		line.PIDs[name] = c.pid()
	}
	return line
}

// obey does one command and gives what to print.
func (l *lab) obey(ctx context.Context, line string) any {
	words := strings.Fields(line)
	if len(words) == 1 && words[0] == "status" {
		return l.ready()
	}
	if err := l.command(ctx, words); err != nil {
		return reply{Error: err.Error()}
	}
	return reply{OK: true}
}

func (l *lab) command(ctx context.Context, words []string) error {
	if len(words) == 0 {
		return errors.New("empty command")
	}
	rest := append(words[1:], "", "", "")
	switch words[0] {
	case "solver":
		return l.solver.mode(rest[0])
	case "front":
		return l.front.set(rest[0], rest[1])
	case "dns":
		return l.dns.set(rest[0])
	case "grant":
		return l.cluster.grant(ctx, rest[0], rest[1], rest[2])
	case "issuers":
		return l.cluster.applyIssuers(ctx, l)
	case "controllers":
		if rest[0] == "start" {
			return l.startControllers(ctx, words[2:])
		}
	}
	c := l.children[words[0]]
	switch {
	case c == nil:
		return fmt.Errorf("no command %q", words[0])
	case rest[0] == "stop":
		c.stop()
		return nil
	case rest[0] == "start":
		return l.restart(ctx, c)
	default:
		return fmt.Errorf("%s can stop or start, not %q", words[0], rest[0])
	}
}

// restart starts a stopped part and waits until it serves.
func (l *lab) restart(ctx context.Context, c *child) error {
	failed := l.failed
	if c.name == "manager" || c.name == "webhook" {
		failed = complain
	}
	if err := c.start(failed); err != nil {
		return err
	}
	switch c.name {
	case "etcd":
		return l.answers(ctx, c.name, "http://"+l.at(etcdPort)+"/health")
	case "apiserver":
		return l.cluster.prepare(ctx, l.bin)
	case "pebble":
		return l.listens(ctx, c.name, acmePort)
	case "webhook":
		return l.listens(ctx, c.name, webhookPort)
	case "manager":
		return nil
	default:
		return l.listens(ctx, c.name, managePort)
	}
}

// grant binds a role to a user of the token file, in one namespace (made if missing) or, with *, everywhere.
func (c *cluster) grant(ctx context.Context, user, namespace, role string) error {
	if user == "" || namespace == "" {
		return errors.New("grant wants a user and a namespace")
	}
	if role == "" {
		role = "lab:chain-reader"
	}
	name := strings.ReplaceAll("lab-"+user+"-"+role, ":", "-")
	kind, place := "ClusterRoleBinding", ""
	if namespace != "*" {
		kind, place = "RoleBinding", ", namespace: "+namespace
		if err := c.applyText(ctx, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+namespace+"}"); err != nil {
			return err
		}
	}
	return c.applyText(ctx, fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: %s
metadata: {name: %q%s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %q}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: %q}]
`, kind, name, place, role, user))
}

// applyIssuers makes the standard ClusterIssuers: pebble (HTTP-01 with the real self-check), pebble-fast (accepts
// after 1 s instead of the self-check), pebble-dns (DNS-01 by dynamic updates, without the
// self-check, which lasts a minute), selfsigned and lab-ca (a CA issuer with its Secret).
func (c *cluster) applyIssuers(ctx context.Context, l *lab) error {
	cert, err := os.ReadFile(l.path("pki", "issuing-ca.crt"))
	if err != nil {
		return err
	}
	key, err := os.ReadFile(filepath.Join(l.dir, "pki", "issuing-ca.key"))
	if err != nil {
		return err
	}
	quoted := func(text []byte) string {
		out, _ := json.Marshal(string(text)) // a string always marshals
		return string(out)
	}
	acme := `
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: %s}
spec:
  acme:
    server: https://%s/dir
    caBundle: %s
    email: lab@example.com
    privateKeySecretRef: {name: %s-account}
    solvers:
    - %s
`
	bundle := base64.StdEncoding.EncodeToString(l.acmePEM)
	server := l.at(acmePort)
	http := "http01: {ingress: {ingressClassName: nginx}}"
	return c.applyText(ctx, strings.Join([]string{
		fmt.Sprintf(acme, "pebble", server, bundle, "pebble", http),
		fmt.Sprintf(acme, "pebble-fast", server, bundle, "pebble-fast", http+"\n      waitInsteadOfSelfCheck: 1s"),
		"apiVersion: v1\nkind: Secret\nmetadata: {name: lab-tsig, namespace: cert-manager}\nstringData: {key: " + tsigSecret + "}",
		fmt.Sprintf(acme, "pebble-dns", server, bundle, "pebble-dns", fmt.Sprintf(
			"dns01: {rfc2136: {nameserver: %q, tsigKeyName: %s, tsigAlgorithm: HMACSHA256, tsigSecretSecretRef: {name: lab-tsig, key: key}}}\n      waitInsteadOfSelfCheck: 1s",
			l.at(dnsPort), strings.TrimSuffix(tsigName, "."))),
		"apiVersion: cert-manager.io/v1\nkind: ClusterIssuer\nmetadata: {name: selfsigned}\nspec: {selfSigned: {}}",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: lab-ca, namespace: cert-manager}\ntype: kubernetes.io/tls\nstringData:\n  tls.crt: " + quoted(cert) + "\n  tls.key: " + quoted(key),
		"apiVersion: cert-manager.io/v1\nkind: ClusterIssuer\nmetadata: {name: lab-ca}\nspec: {ca: {secretName: lab-ca}}",
	}, "\n---\n"))
}
