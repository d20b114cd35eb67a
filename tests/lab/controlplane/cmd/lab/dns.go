package main

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// tsigName and tsigSecret are the key that dynamic updates must be signed with.
const (
	tsigName   = "lab."
	tsigSecret = "bGFiLXRzaWctc2VjcmV0LWxhYi10c2lnLXNlY3JldA=="
)

// nameserver is the DNS of every domain of the lab: it says that each `name.tld` is a zone, takes dynamic updates of
// TXT records (RFC 2136, for cert-manager's DNS-01 solver) and asks challtestsrv for all the rest.
type nameserver struct {
	upstream string
	txt      func() *solver

	mu   sync.Mutex
	mode string
}

func newNameserver(address, upstream string, txt func() *solver) (*nameserver, error) {
	n := &nameserver{upstream: upstream, txt: txt, mode: "pass"}
	ready := make(chan error, 2)
	for _, network := range []string{"udp4", "tcp4"} {
		server := &dns.Server{
			Addr: address, Net: network, Handler: n, TsigSecret: map[string]string{tsigName: tsigSecret},
			// The library refuses updates unless told otherwise.
			MsgAcceptFunc:     func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept },
			NotifyStartedFunc: func() { ready <- nil },
		}
		go func() {
			if err := server.ListenAndServe(); err != nil {
				ready <- err
			}
		}()
	}
	return n, errors.Join(<-ready, <-ready)
}

func (n *nameserver) set(mode string) error {
	switch mode {
	case "pass", "refuse-updates", "ignore-updates", "servfail", "silent":
	default:
		return fmt.Errorf("no dns mode %q: pass, refuse-updates, ignore-updates, servfail or silent", mode)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mode = mode
	return nil
}

func (n *nameserver) ServeDNS(out dns.ResponseWriter, in *dns.Msg) {
	n.mu.Lock()
	mode := n.mode
	n.mu.Unlock()
	answer := new(dns.Msg)
	answer.SetReply(in)
	switch {
	case mode == "silent":
		return
	case mode == "servfail":
		answer.Rcode = dns.RcodeServerFailure
	case in.Opcode == dns.OpcodeUpdate && mode == "refuse-updates":
		answer.Rcode = dns.RcodeRefused
	case in.Opcode == dns.OpcodeUpdate:
		answer.Rcode = n.update(out, in, mode == "ignore-updates")
	case len(in.Question) == 1 && in.Question[0].Qtype == dns.TypeSOA:
		zoneOf(answer, in.Question[0].Name)
	default:
		client := &dns.Client{Net: out.LocalAddr().Network(), Timeout: 2 * time.Second}
		if got, _, err := client.Exchange(in, n.upstream); err == nil {
			answer = got
		} else {
			answer.Rcode = dns.RcodeServerFailure
		}
	}
	if tsig := in.IsTsig(); tsig != nil && out.TsigStatus() == nil {
		answer.SetTsig(tsig.Hdr.Name, tsig.Algorithm, 300, time.Now().Unix())
	}
	_ = out.WriteMsg(answer)
}

// zoneOf answers a SOA question: the last two labels are the zone.
func zoneOf(answer *dns.Msg, name string) {
	labels := dns.SplitDomainName(name)
	if len(labels) < 2 {
		answer.Rcode = dns.RcodeNameError
		return
	}
	zone := dns.Fqdn(labels[len(labels)-2] + "." + labels[len(labels)-1])
	soa := &dns.SOA{
		Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 60},
		Ns:  "ns." + zone, Mbox: "hostmaster." + zone, Serial: 1, Refresh: 60, Retry: 60, Expire: 60, Minttl: 60,
	}
	if len(labels) == 2 {
		answer.Answer = append(answer.Answer, soa)
	} else {
		answer.Ns = append(answer.Ns, soa)
	}
}

// update does a signed dynamic update of TXT records.
func (n *nameserver) update(out dns.ResponseWriter, in *dns.Msg, ignore bool) int {
	if in.IsTsig() == nil || out.TsigStatus() != nil {
		return dns.RcodeNotAuth
	}
	if ignore {
		return dns.RcodeSuccess
	}
	for _, record := range in.Ns {
		name := record.Header().Name
		var err error
		if txt, ok := record.(*dns.TXT); ok && record.Header().Class == dns.ClassINET {
			err = n.txt().post("/set-txt", map[string]string{"host": name, "value": txt.Txt[0]})
		} else {
			err = n.txt().post("/clear-txt", map[string]string{"host": name})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "lab: dns:", err)
			return dns.RcodeServerFailure
		}
	}
	return dns.RcodeSuccess
}
