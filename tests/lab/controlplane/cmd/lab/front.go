package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// front is port 80 of every domain of the lab: the place of an ingress controller or load balancer.
//
// It passes requests on to challtestsrv, or misbehaves as told; cert-manager's self-check and the CA can be treated
// differently, as real networks do.
type front struct {
	mu    sync.Mutex
	modes map[string]string // by who: self-check, ca, other
	pass  *httputil.ReverseProxy
}

func newFront(address, target string) (*front, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		// challtestsrv answers what it does not know with an empty 200; a web server says 404.
		ModifyResponse: func(r *http.Response) error {
			if r.StatusCode == http.StatusOK && r.ContentLength == 0 {
				r.StatusCode, r.Status = http.StatusNotFound, "404 Not Found"
			}
			return nil
		},
	}
	f := &front{modes: map[string]string{}, pass: proxy}
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		return nil, fmt.Errorf("front: %w", err)
	}
	go func() { _ = http.Serve(listener, f) }()
	return f, nil
}

// set changes the mode for self-check, ca or all.
func (f *front) set(mode, who string) error {
	kind, value, _ := strings.Cut(mode, ":")
	code, _ := strconv.Atoi(value)
	switch {
	case kind == "pass", kind == "wrong-body", kind == "hang":
	case kind == "status" && code >= 200 && code <= 599:
	case kind == "redirect" && value != "":
	default:
		return fmt.Errorf("no front mode %q: pass, wrong-body, hang, status:CODE or redirect:URL", mode)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch who {
	case "self-check", "ca":
		f.modes[who] = mode
	case "", "all":
		f.modes = map[string]string{"self-check": mode, "ca": mode, "other": mode}
	default:
		return fmt.Errorf("front is for self-check, ca or all, not %q", who)
	}
	return nil
}

func (f *front) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	f.mu.Lock()
	mode := f.modes[caller(in.UserAgent())]
	f.mu.Unlock()
	kind, value, _ := strings.Cut(mode, ":")
	switch kind {
	case "wrong-body":
		fmt.Fprint(out, "<html><body>Welcome to nginx!</body></html>")
	case "hang":
		<-in.Context().Done()
	case "status":
		code, _ := strconv.Atoi(value)
		http.Error(out, http.StatusText(code), code)
	case "redirect":
		http.Redirect(out, in, value+in.URL.Path, http.StatusMovedPermanently)
	default:
		f.pass.ServeHTTP(out, in)
	}
}

func caller(userAgent string) string {
	switch {
	case strings.HasPrefix(userAgent, "cert-manager"):
		return "self-check"
	case strings.Contains(strings.ToLower(userAgent), "pebble"):
		return "ca"
	default:
		return "other"
	}
}
