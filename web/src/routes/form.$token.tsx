import { createFileRoute } from '@tanstack/react-router';
import { FormPage } from '@/features/form/form-page';

export const Route = createFileRoute('/form/$token')({ component: Form });

function Form() {
  const { token } = Route.useParams();
  return <FormPage key={token} token={token} />;
}
