package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

var crdResource = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// cluster is the lab's own connection, as admin.
type cluster struct {
	config  *rest.Config
	dynamic dynamic.Interface
}

func connect(l *lab) (*cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", l.path("kubeconfig"))
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	config.UserAgent = "kubectl-cert-lab"
	client, err := dynamic.NewForConfig(config)
	return &cluster{config, client}, err
}

// prepare waits for the API server and gives it the CRDs, the lab's roles and cert-manager's namespace.
func (c *cluster) prepare(ctx context.Context, bin string) error {
	err := until(ctx, "the API server", func() bool {
		_, err := c.dynamic.Resource(crdResource).List(ctx, metav1.ListOptions{Limit: 1})
		return err == nil
	})
	if err != nil {
		return err
	}
	// The CRDs are brought up to Established while the API server is still busy with its own start.
	if err := c.applyCRDs(ctx, filepath.Join(bin, "..", "crds")); err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(c.config)
	if err != nil {
		return err
	}
	err = until(ctx, "/readyz", func() bool {
		response, err := client.Get(c.config.Host + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == 200
	})
	if err != nil {
		return err
	}
	return c.applyText(ctx, basics)
}

// basics are the namespace of ClusterIssuers' Secrets and a role that may read everything of a certificate's chain that
// lives in a namespace, but no Secret.
const basics = `
apiVersion: v1
kind: Namespace
metadata: {name: cert-manager}
---
apiVersion: v1
kind: Namespace
metadata: {name: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "lab:chain-reader"}
rules:
- {apiGroups: [cert-manager.io], resources: [certificates, certificaterequests, issuers], verbs: [get, list, watch]}
- {apiGroups: [acme.cert-manager.io], resources: [orders, challenges], verbs: [get, list, watch]}
- {apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [get, list, watch]}
- {apiGroups: [gateway.networking.k8s.io], resources: ["*"], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [pods, services, events], verbs: [get, list, watch]}
- {apiGroups: [events.k8s.io], resources: [events], verbs: [get, list, watch]}
`

func (c *cluster) applyCRDs(ctx context.Context, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no CRDs in %s", dir)
	}
	results := make(chan error, len(files))
	for _, file := range files {
		go func() { results <- c.applyCRD(ctx, file) }()
	}
	var failures error
	for range files {
		failures = errors.Join(failures, <-results)
	}
	return failures
}

// applyCRD applies one file and waits for the kind to be served.
func (c *cluster) applyCRD(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var object unstructured.Unstructured
	if err := yaml.Unmarshal(text, &object.Object); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := c.apply(ctx, &object); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return until(ctx, object.GetName()+" to be established", func() bool {
		live, err := c.dynamic.Resource(crdResource).Get(ctx, object.GetName(), metav1.GetOptions{})
		if err != nil {
			return false
		}
		conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
		for _, item := range conditions {
			if condition, ok := item.(map[string]any); ok && condition["type"] == "Established" {
				return condition["status"] == "True"
			}
		}
		return false
	})
}

// applyText applies YAML documents one after another.
func (c *cluster) applyText(ctx context.Context, text string) error {
	for document := range strings.SplitSeq(text, "\n---\n") {
		var object unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			return err
		}
		if err := c.apply(ctx, &object); err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

// webhooks is what cert-manager's chart makes of both configurations; the lab's webhook has an address and no Service.
const webhooks = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: cert-manager-webhook, labels: {app.kubernetes.io/name: webhook}}
webhooks:
- name: webhook.cert-manager.io
  namespaceSelector:
    matchExpressions: [{key: cert-manager.io/disable-validation, operator: NotIn, values: ["true"]}]
  rules:
  - {apiGroups: [cert-manager.io, acme.cert-manager.io], apiVersions: [v1], operations: [CREATE, UPDATE], resources: ["*/*"]}
  admissionReviewVersions: [v1]
  matchPolicy: Equivalent
  timeoutSeconds: 30
  failurePolicy: Fail
  sideEffects: None
  clientConfig: {url: %[1]s/validate, caBundle: %[2]s}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: cert-manager-webhook, labels: {app.kubernetes.io/name: webhook}}
webhooks:
- name: webhook.cert-manager.io
  rules:
  - {apiGroups: [cert-manager.io], apiVersions: [v1], operations: [CREATE], resources: [certificaterequests]}
  admissionReviewVersions: [v1]
  matchPolicy: Equivalent
  timeoutSeconds: 30
  failurePolicy: Fail
  sideEffects: None
  clientConfig: {url: %[1]s/mutate, caBundle: %[2]s}
`

// applyWebhooks has the API server ask the webhook at url, and waits until it does.
func (c *cluster) applyWebhooks(ctx context.Context, url string, ca []byte) error {
	if err := c.applyText(ctx, fmt.Sprintf(webhooks, url, base64.StdEncoding.EncodeToString(ca))); err != nil {
		return err
	}
	probe := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer",
		"metadata": map[string]any{"name": "lab-webhook-probe"}, "spec": map[string]any{},
	}}
	issuers := c.dynamic.Resource(schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "clusterissuers"})
	return until(ctx, "the API server to ask the webhook", func() bool {
		_, err := issuers.Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err != nil && strings.Contains(err.Error(), "at least one issuer must be configured")
	})
}

// plurals of the few kinds that the lab itself writes.
var plurals = map[string]string{
	"CustomResourceDefinition": "customresourcedefinitions", "Namespace": "namespaces", "ClusterRole": "clusterroles",
	"ClusterRoleBinding": "clusterrolebindings", "RoleBinding": "rolebindings", "Secret": "secrets", "ClusterIssuer": "clusterissuers",
	"ValidatingWebhookConfiguration": "validatingwebhookconfigurations", "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
}

// apply is a server-side apply that tries again while the API server is not serving the kind yet.
func (c *cluster) apply(ctx context.Context, object *unstructured.Unstructured) error {
	gvk := object.GroupVersionKind()
	plural, ok := plurals[gvk.Kind]
	if !ok {
		return fmt.Errorf("no plural known for %s", gvk.Kind)
	}
	resource := c.dynamic.Resource(gvk.GroupVersion().WithResource(plural)).Namespace(object.GetNamespace())
	var err error
	waited := until(ctx, gvk.Kind, func() bool {
		_, err = resource.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "kubectl-cert-lab", Force: true})
		return err == nil || !(apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsForbidden(err))
	})
	return errors.Join(waited, err)
}
