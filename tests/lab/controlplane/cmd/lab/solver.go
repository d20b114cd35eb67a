package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// solver does what the solver Pod would: it answers each HTTP-01 challenge with its key, through challtestsrv.
//
// The lab has no kubelet, so the Pods that cert-manager makes stay Pending for ever.
type solver struct {
	cluster *cluster
	manage  string

	mu      sync.Mutex
	content string
	live    map[string]string
}

func newSolver(c *cluster, manage string) *solver {
	return &solver{cluster: c, manage: manage, live: map[string]string{}}
}

// mode switches between right answers, no answers and wrong ones, for the challenges that exist too.
func (s *solver) mode(mode string) error {
	switch mode {
	case "on", "off", "wrong-body":
	default:
		return fmt.Errorf("no solver mode %q: on, off or wrong-body", mode)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.content = mode
	for token, key := range s.live {
		if err := s.register(token, key); err != nil {
			return err
		}
	}
	return nil
}

// watch follows the Challenges until the lab ends.
func (s *solver) watch() {
	challenges := schema.GroupVersionResource{Group: "acme.cert-manager.io", Version: "v1", Resource: "challenges"}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(s.cluster.dynamic, 0)
	_, _ = factory.ForResource(challenges).Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    s.seen,
		UpdateFunc: func(_, object any) { s.seen(object) },
		DeleteFunc: s.gone,
	})
	factory.Start(nil)
}

func (s *solver) seen(object any) {
	token, key, ok := http01(object)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.live[token]; known {
		return
	}
	s.live[token] = key
	if err := s.register(token, key); err != nil {
		fmt.Fprintln(os.Stderr, "lab: solver:", err)
	}
}

func (s *solver) gone(object any) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	token, _, ok := http01(object)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, token)
	if err := s.post("/del-http01", map[string]string{"token": token}); err != nil {
		fmt.Fprintln(os.Stderr, "lab: solver:", err)
	}
}

func (s *solver) register(token, key string) error {
	switch s.content {
	case "off":
		return s.post("/del-http01", map[string]string{"token": token})
	case "wrong-body":
		key = "not the key"
	}
	return s.post("/add-http01", map[string]string{"token": token, "content": key})
}

func (s *solver) post(path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	response, err := http.Post(s.manage+path, "application/json", bytes.NewReader(text))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("challtestsrv %s: %s", path, response.Status)
	}
	return nil
}

// http01 gives token and key of an HTTP-01 Challenge.
func http01(object any) (token, key string, ok bool) {
	challenge, ok := object.(*unstructured.Unstructured)
	if !ok {
		return "", "", false
	}
	spec, _, _ := unstructured.NestedMap(challenge.Object, "spec")
	token, _ = spec["token"].(string)
	key, _ = spec["key"].(string)
	return token, key, spec["type"] == "HTTP-01" && token != "" && key != ""
}
