'use strict';

// The function URL of `--param url=true`; see `urlResources`.

/** Returns the resources of a function URL with IAM authentication, and its output.
 *
 * Each caller gets two permissions. Since October 2025, new function URLs need both. The second one
 * holds only for calls through the URL: a caller cannot invoke the function with other events.
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html */
function urlResources({ urlCallers, snapStart }) {
  // The alias that osls creates, where the function starts from a snapshot
  const qualifier = snapStart ? { Qualifier: 'snapstart' } : {};
  const resource = (Type, Properties) => ({
    Type,
    ...(snapStart ? { DependsOn: 'DetectSnapStartLambdaAlias' } : {}),
    Properties,
  });
  const permission = (caller, own) =>
    resource('AWS::Lambda::Permission', {
      FunctionName: snapStart
        ? { Ref: 'DetectSnapStartLambdaAlias' }
        : { 'Fn::GetAtt': ['DetectLambdaFunction', 'Arn'] },
      Principal: caller,
      ...own,
    });
  const resources = {
    DetectUrl: resource('AWS::Lambda::Url', {
      TargetFunctionArn: { 'Fn::GetAtt': ['DetectLambdaFunction', 'Arn'] },
      ...qualifier,
      AuthType: 'AWS_IAM',
    }),
  };
  urlCallers.split(/,(?=arn:)/).forEach((caller, index) => {
    resources[`DetectUrlCaller${index}`] = permission(caller, {
      Action: 'lambda:InvokeFunctionUrl',
      FunctionUrlAuthType: 'AWS_IAM',
    });
    resources[`DetectUrlCaller${index}Invoke`] = permission(caller, {
      Action: 'lambda:InvokeFunction',
      InvokedViaFunctionUrl: true,
    });
  });
  const Description = 'POST pictures here, in signed requests';
  const Value = { 'Fn::GetAtt': ['DetectUrl', 'FunctionUrl'] };
  return { Resources: resources, Outputs: { Url: { Description, Value } } };
}

module.exports = { urlResources };
