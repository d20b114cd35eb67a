// Prints answers of cert-manager's own code to random questions, one a line, a part after a bar each:
//
//	cd tests/lab/webhook
//	go run ../../renewal/answers.go cron 600 > ../../renewal/schedules.txt
//	go run ../../renewal/answers.go renewal 600 > ../../renewal/renewals.txt
//
// A schedule: the cron text, the zone, a time, the next time that fits or why there is none.
// A renewal: notBefore, notAfter, renewBefore, renewBeforePercentage, the windows, the renewal time, the error.
package main

import (
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util"
	"github.com/cert-manager/cert-manager/pkg/util/pki"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var zones = []string{"", "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Pacific/Apia", "Asia/Beirut", "Local"}
var crons = []string{"* * * * *", "0 10 * * *", "30 2 * * *", "0 23 * * 1-5", "0 10 * * 6,0", "0 0 29 2 *", "0 0 31 4 *", "15 0 1 * *", "*/7 */5 * * *", "0 0 13 * 5", "0 0 */2 * mon", "59 23 31 12 *", "0 0 * 3,10,11 sun", "30 1 * 11 0", "@daily", "@weekly", "@monthly", "@yearly", "@hourly", "@every 90m", "@every 36h30m", "0 24 * * *"}

func times(r *rand.Rand) time.Time {
	// Around and between changes of clocks.
	if r.Intn(2) == 0 {
		y := 2018 + r.Intn(15)
		m := []time.Month{3, 4, 9, 10, 11, 12, 1, 2}[r.Intn(8)]
		return time.Date(y, m, 1+r.Intn(31), r.Intn(24), r.Intn(60), r.Intn(60), 0, time.UTC)
	}
	return time.Unix(1500000000+r.Int63n(600000000), 0).UTC()
}

func main() {
	r := rand.New(rand.NewSource(1))
	n, _ := strconv.Atoi(os.Args[2])
	switch os.Args[1] {
	case "cron":
		for i := 0; i < n; i++ {
			z, c, t := zones[r.Intn(len(zones))], crons[r.Intn(len(crons))], times(r)
			s, err := util.CronParse(c, z)
			if err != nil {
				fmt.Printf("%s|%s|%s|%v\n", c, z, t.Format(time.RFC3339), err)
				continue
			}
			next := s.Next(t)
			w := "none"
			if !next.IsZero() {
				w = next.UTC().Format(time.RFC3339)
			}
			fmt.Printf("%s|%s|%s|%s\n", c, z, t.Format(time.RFC3339), w)
		}
	case "renewal":
		for i := 0; i < n; i++ {
			nb := times(r)
			life := time.Duration(1+r.Intn(400*24)) * time.Hour
			if r.Intn(4) == 0 {
				life = time.Duration(1+r.Intn(100000)) * time.Second
			}
			na := nb.Add(life)
			var before *metav1.Duration
			var pct *int32
			b, p := "-", "-"
			switch r.Intn(3) {
			case 0:
				d := time.Duration(r.Int63n(int64(life) * 5 / 4)).Truncate(time.Second)
				before = &metav1.Duration{Duration: d}
				b = d.String()
			case 1:
				v := int32(r.Intn(102))
				pct = &v
				p = fmt.Sprint(v)
			}
			spec := &cmapi.CertificateRenewal{Policy: "RenewBefore"}
			var ws []string
			for j := r.Intn(3); j >= 0; j-- {
				d := []time.Duration{time.Minute, time.Hour, 3 * time.Hour, 24 * time.Hour, 90 * time.Second, 0}[r.Intn(6)]
				if d == 0 && r.Intn(4) > 0 {
					d = 2 * time.Hour
				}
				w := cmapi.CertificateRenewalWindows{Timezone: zones[r.Intn(len(zones)-1)], Cron: crons[r.Intn(len(crons))], WindowDuration: &metav1.Duration{Duration: d}}
				spec.Windows = append(spec.Windows, w)
				ws = append(ws, w.Cron+","+w.Timezone+","+d.String())
			}
			rt, err := pki.RenewalTime(nb, na, before, pct, spec)
			at, e := "none", ""
			if rt != nil {
				at = rt.UTC().Format(time.RFC3339)
			}
			if err != nil {
				e = err.Error()
				if i := strings.Index(e, " in window {"); i >= 0 {
					e = e[:i]
				}
			}
			fmt.Printf("%s|%s|%s|%s|%s|%s|%s\n", nb.Format(time.RFC3339), na.Format(time.RFC3339), b, p, strings.Join(ws, ";"), at, e)
		}
	}
}
