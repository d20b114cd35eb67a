package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
)

// users of the token file and their groups. Only admin may do anything until a test grants it.
var users = []struct{ name, groups string }{
	{"admin", "system:masters"},
	{"viewer", "lab:viewers"},
	{"nobody", ""},
}

// writeUsers makes the token file, a kubeconfig for each user, one for the client certificate, and for admin the plain
// name `kubeconfig`.
func (l *lab) writeUsers() error {
	var tokens strings.Builder
	for i, user := range users {
		token := randomToken()
		l.tokens[user.name] = token
		fmt.Fprintf(&tokens, "%s,%s,uid-%d,%q\n", token, user.name, i, user.groups)
		if err := l.writeKubeconfig("kubeconfig-"+user.name, "token: "+token); err != nil {
			return err
		}
	}
	if err := os.WriteFile(l.path("pki", "tokens.csv"), []byte(tokens.String()), 0o600); err != nil {
		return err
	}
	byCertificate := fmt.Sprintf("client-certificate: %s\n    client-key: %s", l.path("pki", "admin.crt"), l.path("pki", "admin.key"))
	if err := l.writeKubeconfig("kubeconfig-admin-cert", byCertificate); err != nil {
		return err
	}
	return l.writeKubeconfig("kubeconfig", "token: "+l.tokens["admin"])
}

func (l *lab) writeKubeconfig(name, credential string) error {
	return os.WriteFile(l.path(name), fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters:
- name: lab
  cluster:
    server: https://%s
    certificate-authority-data: %s
users:
- name: user
  user:
    %s
contexts:
- name: lab
  context: {cluster: lab, user: user, namespace: default}
current-context: lab
`, l.at(apiPort), base64.StdEncoding.EncodeToString(l.caPEM), credential), 0o600)
}
