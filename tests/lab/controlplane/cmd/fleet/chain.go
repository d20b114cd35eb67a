package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// acmeServer is in the URLs of orders; nothing ever asks it.
const acmeServer = "https://acme.fleet.example.com"

// lifetime and age of issued certificates.
const (
	lifetime = 90 * 24 * time.Hour
	age      = 10 * 24 * time.Hour
)

// fleet is the wish.
type fleet struct {
	namespace, prefix, shape, only string
	spread, events                 int
	keys                           bool
	now                            time.Time

	key    *ecdsa.PrivateKey
	keyPEM []byte
	ca     *x509.Certificate
	caPEM  []byte
}

// prepare makes the one key and CA.
func (f *fleet) prepare() error {
	var err error
	if f.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(f.key)
	if err != nil {
		return err
	}
	f.keyPEM = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	f.ca = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fleet CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: f.now.AddDate(-1, 0, 0), NotAfter: f.now.AddDate(9, 0, 0),
	}
	if der, err = x509.CreateCertificate(rand.Reader, f.ca, f.ca, &f.key.PublicKey, f.key); err != nil {
		return err
	}
	f.caPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	f.ca, err = x509.ParseCertificate(der)
	return err
}

// surroundings are the namespaces and the two issuers: ClusterIssuer fleet-acme, Issuer fleet-ca in each namespace.
func (f *fleet) surroundings(ctx context.Context, to sink) error {
	issuer := &cmapi.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "fleet-acme"}}
	issuer.Spec.ACME = &cmacme.ACMEIssuer{
		Server: acmeServer + "/directory", Email: "fleet@example.com", Solvers: []cmacme.ACMEChallengeSolver{solver()},
		PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "fleet-acme-account"}},
	}
	issuer.Status.ACME = &cmacme.ACMEIssuerStatus{URI: acmeServer + "/acct/1", LastRegisteredEmail: "fleet@example.com"}
	issuer.Status.Conditions = f.issuerReady("ACMEAccountRegistered", "The ACME account was registered with the ACME server")
	if err := to.put(ctx, issuer); err != nil {
		return err
	}
	for i := range f.spread {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.namespaceOf(i)}}
		ca := &cmapi.Issuer{ObjectMeta: metav1.ObjectMeta{Name: "fleet-ca", Namespace: namespace.Name}}
		ca.Spec.CA = &cmapi.CAIssuer{SecretName: "fleet-ca"}
		ca.Status.Conditions = f.issuerReady("KeyPairVerified", "Signing CA verified")
		for _, o := range []object{namespace, ca} {
			if err := to.put(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func solver() cmacme.ACMEChallengeSolver {
	class := "nginx"
	return cmacme.ACMEChallengeSolver{HTTP01: &cmacme.ACMEChallengeSolverHTTP01{Ingress: &cmacme.ACMEChallengeSolverHTTP01Ingress{IngressClassName: &class}}}
}

func (f *fleet) issuerReady(reason, message string) []cmapi.IssuerCondition {
	at := metav1.NewTime(f.now)
	return []cmapi.IssuerCondition{{Type: cmapi.IssuerConditionReady, Status: cmmeta.ConditionTrue, Reason: reason, Message: message, LastTransitionTime: &at, ObservedGeneration: 1}}
}

func (f *fleet) namespaceOf(i int) string {
	if f.spread == 1 {
		return f.namespace
	}
	return fmt.Sprintf("%s-%03d", f.namespace, i%f.spread)
}

// chain makes the i-th chain, from the Certificate down.
func (f *fleet) chain(ctx context.Context, to sink, i int) error {
	name := fmt.Sprintf("%s-%05d", f.prefix, i)
	crt := f.certificate(name, f.namespaceOf(i))
	chainPEM, leaf, err := f.issue(crt.Spec.DNSNames[0], i)
	if err != nil {
		return err
	}
	if f.shape != shapePending {
		setIssued(crt, leaf)
	}
	if err := to.put(ctx, crt); err != nil {
		return err
	}
	for n := range f.events {
		if err := to.put(ctx, f.event(crt, n)); err != nil {
			return err
		}
	}
	if f.only == "certificates" {
		return nil
	}
	request, err := f.request(crt)
	if err != nil {
		return err
	}
	switch f.shape {
	case shapePending:
		return f.pending(ctx, to, crt, request)
	case shapeReady:
		return f.issued(ctx, to, crt, request, chainPEM, true)
	default:
		return f.issued(ctx, to, crt, request, chainPEM, false)
	}
}

// certificate is a Certificate in its first issuance.
func (f *fleet) certificate(name, namespace string) *cmapi.Certificate {
	at := metav1.NewTime(f.now)
	key := apiutil.DNSSafeShortenTo52Characters(name) + "-x7k2p"
	crt := &cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
	crt.Spec = cmapi.CertificateSpec{
		SecretName: name + "-tls", DNSNames: []string{name + ".fleet.example.com"},
		IssuerRef:  cmmeta.IssuerReference{Name: "fleet-acme", Kind: cmapi.ClusterIssuerKind, Group: "cert-manager.io"},
		PrivateKey: &cmapi.CertificatePrivateKey{Algorithm: cmapi.ECDSAKeyAlgorithm, Size: 256},
	}
	if f.shape == shapeQuiet {
		crt.Spec.IssuerRef.Name, crt.Spec.IssuerRef.Kind = "fleet-ca", cmapi.IssuerKind
	}
	condition := func(kind cmapi.CertificateConditionType, status cmmeta.ConditionStatus) cmapi.CertificateCondition {
		return cmapi.CertificateCondition{
			Type: kind, Status: status, Reason: "DoesNotExist", Message: "Issuing certificate as Secret does not exist",
			LastTransitionTime: &at, ObservedGeneration: 1,
		}
	}
	crt.Status.Conditions = []cmapi.CertificateCondition{
		condition(cmapi.CertificateConditionReady, cmmeta.ConditionFalse), condition(cmapi.CertificateConditionIssuing, cmmeta.ConditionTrue),
	}
	crt.Status.NextPrivateKeySecretName = &key
	return crt
}

// setIssued is the status after a successful first issuance.
func setIssued(crt *cmapi.Certificate, leaf *x509.Certificate) {
	revision := 1
	notBefore, notAfter := metav1.NewTime(leaf.NotBefore), metav1.NewTime(leaf.NotAfter)
	renewal := metav1.NewTime(leaf.NotAfter.Add(-lifetime / 3))
	crt.Status = cmapi.CertificateStatus{
		Conditions: []cmapi.CertificateCondition{{
			Type: cmapi.CertificateConditionReady, Status: cmmeta.ConditionTrue, Reason: "Ready",
			Message: "Certificate is up to date and has not expired", LastTransitionTime: &notBefore, ObservedGeneration: 1,
		}},
		NotBefore: &notBefore, NotAfter: &notAfter, RenewalTime: &renewal, Revision: &revision,
	}
}

// request is the approved CertificateRequest of revision 1, still undecided.
func (f *fleet) request(crt *cmapi.Certificate) (*cmapi.CertificateRequest, error) {
	name, err := apiutil.ComputeSecureUniqueDeterministicNameFromData(crt.Name, 233)
	if err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: crt.Spec.DNSNames}, f.key)
	if err != nil {
		return nil, err
	}
	at := metav1.NewTime(f.now)
	cr := &cmapi.CertificateRequest{ObjectMeta: metav1.ObjectMeta{
		Name: name + "-1", Namespace: crt.Namespace,
		Annotations: map[string]string{
			cmapi.CertificateNameKey:                        crt.Name,
			cmapi.CertificateRequestRevisionAnnotationKey:   "1",
			cmapi.CertificateRequestPrivateKeyAnnotationKey: apiutil.DNSSafeShortenTo52Characters(crt.Name) + "-x7k2p",
		},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(crt, cmapi.SchemeGroupVersion.WithKind(cmapi.CertificateKind))},
	}}
	cr.Spec.IssuerRef = crt.Spec.IssuerRef
	cr.Spec.Request = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})
	cr.Status.Conditions = []cmapi.CertificateRequestCondition{{
		Type: cmapi.CertificateRequestConditionApproved, Status: cmmeta.ConditionTrue, Reason: "cert-manager.io",
		Message: "Certificate request has been approved by cert-manager.io", LastTransitionTime: &at,
	}}
	return cr, nil
}

func (f *fleet) setReady(cr *cmapi.CertificateRequest, status cmmeta.ConditionStatus, reason, message string) {
	at := metav1.NewTime(f.now)
	cr.Status.Conditions = append(cr.Status.Conditions, cmapi.CertificateRequestCondition{
		Type: cmapi.CertificateRequestConditionReady, Status: status, Reason: reason, Message: message, LastTransitionTime: &at,
	})
}

// order is the Order of a request, with one authorization; its name must be known before the request's status.
func order(cr *cmapi.CertificateRequest, domain string) (*cmacme.Order, error) {
	spec := cmacme.OrderSpec{IssuerRef: cr.Spec.IssuerRef, DNSNames: []string{domain}}
	name, err := apiutil.ComputeName(cr.Name, spec)
	if err != nil {
		return nil, err
	}
	spec.Request = cr.Spec.Request
	id := token(cr.Name)
	wildcard := false
	o := &cmacme.Order{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: cr.Namespace, Annotations: cr.Annotations}, Spec: spec}
	o.Status = cmacme.OrderStatus{
		URL: acmeServer + "/my-order/" + id, FinalizeURL: acmeServer + "/finalize-order/" + id, State: cmacme.Pending,
		Authorizations: []cmacme.ACMEAuthorization{{
			URL: acmeServer + "/authZ/" + id, Identifier: domain, Wildcard: &wildcard, InitialState: cmacme.Pending,
		}},
	}
	for _, kind := range []string{"dns-01", "http-01", "tls-alpn-01"} {
		o.Status.Authorizations[0].Challenges = append(o.Status.Authorizations[0].Challenges, cmacme.ACMEChallenge{
			URL: acmeServer + "/chalZ/" + token(id+kind), Token: token(domain + kind), Type: kind,
		})
	}
	return o, nil
}

// pending puts a chain whose HTTP-01 self-check fails.
func (f *fleet) pending(ctx context.Context, to sink, crt *cmapi.Certificate, cr *cmapi.CertificateRequest) error {
	domain := crt.Spec.DNSNames[0]
	o, err := order(cr, domain)
	if err != nil {
		return err
	}
	f.setReady(cr, cmmeta.ConditionFalse, "Pending", fmt.Sprintf("Waiting on certificate issuance from order %s/%s: %q", o.Namespace, o.Name, "pending"))
	if f.keys {
		key := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Name: *crt.Status.NextPrivateKeySecretName, Namespace: crt.Namespace, GenerateName: crt.Name + "-",
			Labels:          map[string]string{cmapi.IsNextPrivateKeySecretLabelKey: "true", cmapi.PartOfCertManagerControllerLabelKey: "true"},
			OwnerReferences: cr.OwnerReferences,
		}, Type: corev1.SecretTypeOpaque, Data: map[string][]byte{"tls.key": f.keyPEM}}
		if err := to.put(ctx, key); err != nil {
			return err
		}
	}
	if err := to.put(ctx, cr); err != nil {
		return err
	}
	o.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(cr, cmapi.SchemeGroupVersion.WithKind(cmapi.CertificateRequestKind))}
	if err := to.put(ctx, o); err != nil {
		return err
	}
	offered := o.Status.Authorizations[0].Challenges[1]
	spec := cmacme.ChallengeSpec{
		AuthorizationURL: o.Status.Authorizations[0].URL, Type: cmacme.ACMEChallengeTypeHTTP01, URL: offered.URL,
		DNSName: domain, Token: offered.Token, Solver: solver(), IssuerRef: o.Spec.IssuerRef,
	}
	name, err := apiutil.ComputeName(o.Name, spec)
	if err != nil {
		return err
	}
	spec.Key = offered.Token + "." + token("account")
	at := metav1.NewTime(f.now)
	challenge := &cmacme.Challenge{ObjectMeta: metav1.ObjectMeta{
		Name: name, Namespace: o.Namespace, Finalizers: []string{cmacme.ACMEDomainQualifiedFinalizer},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(o, cmacme.SchemeGroupVersion.WithKind("Order"))},
	}, Spec: spec}
	challenge.Status = cmacme.ChallengeStatus{
		Processing: true, Presented: true, PresentedAt: &at, State: cmacme.Pending,
		Reason: "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'",
	}
	return to.put(ctx, challenge)
}

// issued puts the rest of a chain that ended well.
func (f *fleet) issued(ctx context.Context, to sink, crt *cmapi.Certificate, cr *cmapi.CertificateRequest, chainPEM []byte, acme bool) error {
	f.setReady(cr, cmmeta.ConditionTrue, "Issued", "Certificate fetched from issuer successfully")
	cr.Status.Certificate = chainPEM
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Name: crt.Spec.SecretName, Namespace: crt.Namespace,
		Labels: map[string]string{cmapi.PartOfCertManagerControllerLabelKey: "true"},
		Annotations: map[string]string{
			cmapi.CertificateNameKey: crt.Name, cmapi.IssuerNameAnnotationKey: crt.Spec.IssuerRef.Name,
			cmapi.IssuerKindAnnotationKey: crt.Spec.IssuerRef.Kind, cmapi.IssuerGroupAnnotationKey: crt.Spec.IssuerRef.Group,
			cmapi.AltNamesAnnotationKey: crt.Spec.DNSNames[0], cmapi.CommonNameAnnotationKey: "",
			cmapi.IPSANAnnotationKey: "", cmapi.URISANAnnotationKey: "",
		},
	}, Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": chainPEM, "tls.key": f.keyPEM}}
	if !acme {
		cr.Status.CA = f.caPEM
		secret.Data["ca.crt"] = f.caPEM
	}
	if err := to.put(ctx, secret); err != nil {
		return err
	}
	if err := to.put(ctx, cr); err != nil {
		return err
	}
	if !acme {
		return nil
	}
	o, err := order(cr, crt.Spec.DNSNames[0])
	if err != nil {
		return err
	}
	o.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(cr, cmapi.SchemeGroupVersion.WithKind(cmapi.CertificateRequestKind))}
	o.Status.State, o.Status.Certificate = cmacme.Valid, chainPEM
	return to.put(ctx, o)
}

// issue signs a leaf for the domain with the fleet's CA.
func (f *fleet) issue(domain string, i int) ([]byte, *x509.Certificate, error) {
	begin := f.now.Add(-age)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(i) + 2), DNSNames: []string{domain}, NotBefore: begin.UTC(), NotAfter: begin.Add(lifetime).UTC(),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, f.ca, &f.key.PublicKey, f.key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), template, err
}

// event is one of the Events that a Certificate gets in an issuance.
func (f *fleet) event(crt *cmapi.Certificate, n int) *corev1.Event {
	known := []struct{ reason, message, component string }{
		{"Issuing", "Issuing certificate as Secret does not exist", "certificates-trigger"},
		{"Generated", fmt.Sprintf("Stored new private key in temporary Secret resource %q", crt.Name+"-x7k2p"), "certificates-key-manager"},
		{"Requested", fmt.Sprintf("Created new CertificateRequest resource %q", crt.Name+"-1"), "certificates-request-manager"},
	}
	what := known[n%len(known)]
	at := metav1.NewTime(f.now)
	component := "cert-manager-" + what.component
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s.%016x", crt.Name, n+1), Namespace: crt.Namespace},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "cert-manager.io/v1", Kind: "Certificate", Name: crt.Name, Namespace: crt.Namespace, UID: crt.UID,
		},
		Type: corev1.EventTypeNormal, Reason: what.reason, Message: what.message, Count: 1,
		FirstTimestamp: at, LastTimestamp: at, Source: corev1.EventSource{Component: component}, ReportingController: component,
	}
}

// token looks like an ACME token or id and is the same in every run.
func token(of string) string {
	sum := sha256.Sum256([]byte(of))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
