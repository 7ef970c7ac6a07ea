//go:build integration

package integration

import "strings"

// The objects that the tests of the whole cluster create.

const claim = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}
`

var workload = strings.ReplaceAll(claim, "NAME", "data") + `
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
  containers:
  - name: main
    image: busybox:1
    command: [sh, -c, "mkdir /www && echo hello > /www/index.html && echo serving && exec httpd -f -p 8080 -h /www"]
    volumeMounts: [{name: data, mountPath: /data}]
    readinessProbe: {httpGet: {port: 8080, path: /}, periodSeconds: 1}
    resources: {requests: {cpu: 10m, memory: 16Mi, ephemeral-storage: 10Mi}, limits: {memory: 64Mi, ephemeral-storage: 100Mi}}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: main, image: "busybox:1", command: [sleep, "86400"]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-node}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`

const webhookOfNobody = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: nobody}
webhooks:
- name: nobody.sluice.test
  sideEffects: None
  admissionReviewVersions: [v1]
  timeoutSeconds: 5
  rules: [{apiGroups: [""], apiVersions: [v1], resources: [secrets], operations: [CREATE]}]
  clientConfig: {service: {name: web, namespace: default, port: 80}}
`

const certificate = `
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: self-signed}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: webhook}
spec: {secretName: webhook-tls, dnsNames: [webhook.default.svc], issuerRef: {name: self-signed}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: injected, annotations: {cert-manager.io/inject-ca-from: default/webhook}}
webhooks:
- name: injected.sluice.test
  sideEffects: None
  admissionReviewVersions: [v1]
  failurePolicy: Ignore
  rules: [{apiGroups: [sluice.test], apiVersions: [v1], resources: [nothing], operations: [CREATE]}]
  clientConfig: {service: {name: web, namespace: default}}
`
