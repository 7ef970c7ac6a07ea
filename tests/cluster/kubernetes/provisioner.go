package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// newProvisionerCommand serves a StorageClass with folders of this machine: one folder under --root per volume.
func newProvisionerCommand() *cobra.Command {
	var kubeconfig, root, name string
	command := &cobra.Command{
		Use:   "volume-provisioner",
		Short: "Makes hostPath volumes for claims of a StorageClass",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return err
			}
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(root, 0o755); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			// Only one of these runs per cluster: no leader election.
			controller.NewProvisionController(ctx, client, name, hostPaths{root: root},
				controller.LeaderElection(false)).Run(ctx)
			return nil
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig file of the cluster")
	command.Flags().StringVar(&root, "root", "", "folder that holds the volumes")
	command.Flags().StringVar(&name, "provisioner", "", "the provisioner that StorageClasses name")
	for _, flag := range []string{"kubeconfig", "root", "provisioner"} {
		if err := command.MarkFlagRequired(flag); err != nil {
			panic(err) // a flag above is misspelt
		}
	}
	return command
}

type hostPaths struct{ root string }

// folder is where a volume lies; a name that would lead out of the root is refused.
func (p hostPaths) folder(volume string) (string, error) {
	if volume == "" || volume == "." || volume == ".." || filepath.Base(volume) != volume {
		return "", fmt.Errorf("volume name %q is not a plain file name", volume)
	}
	return filepath.Join(p.root, volume), nil
}

func (p hostPaths) Provision(_ context.Context, options controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	if mode := options.PVC.Spec.VolumeMode; mode != nil && *mode == corev1.PersistentVolumeBlock {
		return nil, controller.ProvisioningFinished, errors.New("block volumes are not supported here, only file systems")
	}
	folder, err := p.folder(options.PVName)
	if err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	// Pods of any user write here, and hostPath volumes know no fsGroup; chmod, since the umask narrows what MkdirAll gives.
	if err := os.Chmod(folder, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	kind := corev1.HostPathDirectory
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			MountOptions:                  options.StorageClass.MountOptions,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: options.PVC.Spec.Resources.Requests[corev1.ResourceStorage]},
			PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: folder, Type: &kind}},
		},
	}, controller.ProvisioningFinished, nil
}

func (p hostPaths) Delete(_ context.Context, volume *corev1.PersistentVolume) error {
	folder, err := p.folder(volume.Name)
	if err != nil {
		return err
	}
	if volume.Spec.HostPath == nil || volume.Spec.HostPath.Path != folder {
		return &controller.IgnoredError{Reason: "the volume was not made here"}
	}
	return os.RemoveAll(folder)
}
