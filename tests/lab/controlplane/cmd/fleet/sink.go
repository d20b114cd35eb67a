package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	cmscheme "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned/scheme"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	kscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/google/uuid"
)

// object is any typed object.
type object interface {
	runtime.Object
	metav1.Object
}

// sink takes objects; put gives the object its UID, and fits the status in where there is one.
type sink interface {
	put(ctx context.Context, o object) error
	close() (int64, error)
}

var scheme = runtime.NewScheme()

func init() {
	if err := errors.Join(kscheme.AddToScheme(scheme), cmscheme.AddToScheme(scheme)); err != nil {
		panic(err)
	}
}

// encode gives the object with its apiVersion and kind, as maps.
func encode(o object) (*unstructured.Unstructured, error) {
	kinds, _, err := scheme.ObjectKinds(o)
	if err != nil {
		return nil, err
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, err
	}
	out := &unstructured.Unstructured{Object: fields}
	out.SetGroupVersionKind(kinds[0])
	return out, nil
}

// server creates objects in an API server, with a second request for the status.
type server struct {
	client  dynamic.Interface
	objects atomic.Int64
}

func newServer(config *rest.Config) (*server, error) {
	config.QPS = -1
	config.UserAgent = "kubectl-cert-lab-fleet"
	client, err := dynamic.NewForConfig(config)
	return &server{client: client}, err
}

func (s *server) put(ctx context.Context, o object) error {
	fields, err := encode(o)
	if err != nil {
		return err
	}
	plural, _ := meta.UnsafeGuessKindToResource(fields.GroupVersionKind())
	client := s.client.Resource(plural).Namespace(fields.GetNamespace())
	status, hasStatus := fields.Object["status"]
	made, err := client.Create(ctx, fields, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) && shared(fields.GroupVersionKind()) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", fields.GetKind(), fields.GetName(), err)
	}
	o.SetUID(made.GetUID())
	s.objects.Add(1)
	if content, ok := status.(map[string]any); !hasStatus || !ok || len(content) == 0 || fields.GetKind() == "Namespace" {
		return nil
	}
	made.Object["status"] = status
	if _, err := client.UpdateStatus(ctx, made, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("status of %s %s: %w", fields.GetKind(), fields.GetName(), err)
	}
	return nil
}

// shared says of which kinds an object may exist before a run, for a second fleet in the same cluster.
func shared(kind schema.GroupVersionKind) bool {
	switch kind.Kind {
	case "Namespace", "Issuer", "ClusterIssuer":
		return true
	default:
		return false
	}
}

func (s *server) close() (int64, error) { return s.objects.Load(), nil }

// file writes a List, one item per line, as large as wanted.
type file struct {
	out     *os.File
	buffer  *bufio.Writer
	now     time.Time
	objects int64
}

func newFile(path string, now time.Time) (*file, error) {
	out, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	f := &file{out: out, buffer: bufio.NewWriterSize(out, 1<<20), now: now}
	_, err = f.buffer.WriteString(`{"apiVersion":"v1","kind":"List","metadata":{"resourceVersion":""},"items":[`)
	return f, err
}

func (f *file) put(_ context.Context, o object) error {
	// What a server would have set; the UID follows from the position, so that two runs give the same file.
	o.SetUID(types.UID(uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "fleet-%d", f.objects)).String()))
	o.SetResourceVersion(fmt.Sprint(1000 + f.objects))
	o.SetGeneration(1)
	o.SetCreationTimestamp(metav1.NewTime(f.now))
	fields, err := encode(o)
	if err != nil {
		return err
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	separator := ",\n"
	if f.objects == 0 {
		separator = "\n"
	}
	f.objects++
	_, err = f.buffer.WriteString(separator + string(text))
	return err
}

func (f *file) close() (int64, error) {
	_, err := f.buffer.WriteString("\n]}\n")
	return f.objects, errors.Join(err, f.buffer.Flush(), f.out.Close())
}
